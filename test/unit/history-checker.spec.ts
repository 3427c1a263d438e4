import type {
  AnomalyKind,
  FinalReads,
  HistoryEvent,
  HistoryOperation,
  HistoryTransaction,
  SerialExecution,
} from '../support/history/index.js';
import {
  ANOMALY_KINDS,
  checkHistory,
  describeAnomalies,
  executeSerially,
  generateListAppend,
  ListAppendRecorder,
  mergeHistories,
} from '../support/history/index.js';
import { appendsTo, INJECTIONS } from '../support/history/injected-anomalies.js';
import { KNOWN_HISTORIES } from '../support/history/known-histories.js';
import type { KnownHistory } from '../support/history/known-histories.js';
import { SeededRandom, withSeed } from '../support/seeded-random.js';

function kindsOf(history: readonly HistoryTransaction[], finalReads?: FinalReads): AnomalyKind[] {
  const found = new Set(checkHistory(history, finalReads).map(({ kind }) => kind));
  return ANOMALY_KINDS.filter((kind) => found.has(kind));
}

function known(title: string): KnownHistory {
  const found = KNOWN_HISTORIES.find((one) => one.title === title);
  if (found === undefined) throw new Error(`There is no known history "${title}".`);
  return found;
}

describe('the checker, on histories written by hand', () => {
  it.each(KNOWN_HISTORIES)('$title: $expected', ({ history, finalReads, expected }) => {
    expect(kindsOf(history, finalReads)).toEqual(expected);
  });

  it('has a history for every kind of anomaly, and as many that are correct', () => {
    const kinds = new Set(KNOWN_HISTORIES.flatMap(({ expected }) => expected));
    expect(ANOMALY_KINDS.filter((kind) => !kinds.has(kind))).toEqual([]);
    const correct = KNOWN_HISTORIES.filter(({ expected }) => expected.length === 0);
    expect(correct.length).toBeGreaterThanOrEqual(ANOMALY_KINDS.length);
  });

  it('leaves real time out when asked to', () => {
    const { history, finalReads } = known('a stale read');
    expect(checkHistory(history, finalReads, { realTime: false })).toEqual([]);
  });

  it('proves a cycle with the transactions and operations in it', () => {
    const { history, finalReads } = known('write skew');
    const anomalies = checkHistory(history, finalReads);
    expect(anomalies.map(({ transactions }) => transactions.toSorted())).toEqual([['A', 'B']]);
    const message = describeAnomalies(anomalies);
    expect(message).toContain('A (ok, from 0 to 9): read x [], append y 1');
    expect(message).toContain('A -rw-> B: A read x without 2, which comes next');
    expect(message).toContain('B -rw-> A: B read y without 1, which comes next');
  });

  it('shows the shortest cycle of many', () => {
    const { history } = known('three transactions that read from each other in a circle');
    const skew: HistoryTransaction[] = ['D', 'E'].map((id, at) => ({
      id,
      status: 'ok',
      startedAt: 0,
      endedAt: 9,
      operations: [
        { kind: 'read', key: 'x', list: [1] },
        { kind: 'append', key: at === 0 ? 'v' : 'w', value: 1 },
        { kind: 'read', key: at === 0 ? 'w' : 'v', list: [1] },
      ],
    }));
    const lengths = checkHistory([...history, ...skew]).map((one) => one.transactions.length);
    expect(new Set(lengths)).toEqual(new Set([2, 3]));
  });

  it('returns only the first anomalies of each kind', () => {
    const history = Array.from({ length: 50 }, (_, at): HistoryTransaction => {
      const operations: HistoryOperation[] = [{ kind: 'append', key: 'x', value: at }];
      return { id: `t${at}`, status: 'ok', startedAt: at, endedAt: at, operations };
    });
    expect(checkHistory(history, new Map(), { limitPerKind: 3 })).toHaveLength(3);
  });

  it('refuses a history whose values or ids are not unique', () => {
    const transaction: HistoryTransaction = {
      id: 'A',
      status: 'ok',
      startedAt: 0,
      endedAt: 1,
      operations: [{ kind: 'append', key: 'x', value: 1 }],
    };
    expect(() => checkHistory([transaction, { ...transaction, id: 'B' }])).toThrow('1 of x');
    expect(() => checkHistory([transaction, { ...transaction, operations: [] }])).toThrow('id A');
    expect(() => checkHistory([{ ...transaction, endedAt: -1 }])).toThrow('before 0');
  });
});

function executeAtRandom(random: SeededRandom, transactions: number): SerialExecution {
  return executeSerially({
    random,
    transactions,
    concurrency: 1 + random.integer(24),
    maxOperations: 3 + random.integer(4),
    transactionsPerGroup: 100 + random.integer(200),
    failProbability: random.next() * 0.3 + 0.1,
    infoProbability: random.next() * 0.3 + 0.2,
  });
}

/** The known history on keys of its own, somewhere in the middle of the execution. */
function splice(execution: SerialExecution, one: KnownHistory, random: SeededRandom): void {
  const offset = random.pick(execution.history).startedAt;
  const spliced = one.history.map((transaction) => ({
    ...transaction,
    startedAt: transaction.startedAt + offset,
    endedAt: transaction.endedAt + offset,
    operations: transaction.operations.map((operation) => ({
      ...operation,
      key: `known-${operation.key}`,
    })),
  }));
  const keys = new Set(spliced.flatMap(({ operations }) => operations.map(({ key }) => key)));
  for (const key of keys) {
    const list = one.finalReads?.get(key.slice('known-'.length)) ?? longestRead(spliced, key);
    execution.finalReads.set(key, list);
  }
  execution.history = random.shuffle([...execution.history, ...spliced]);
}

function longestRead(history: readonly HistoryTransaction[], key: string): readonly number[] {
  const lists = history.flatMap(({ operations, status }) =>
    operations.flatMap((operation) =>
      status === 'ok' && operation.kind === 'read' && operation.key === key ? [operation.list] : [],
    ),
  );
  return lists.toSorted((a, b) => b.length - a.length)[0] ?? [];
}

describe('the checker, on random histories', () => {
  it('finds nothing in an execution that is serial', () =>
    withSeed('serial execution', (random) => {
      for (let round = 0; round < 40; round += 1) {
        const { history, finalReads } = executeAtRandom(random.fork(), 500);
        expect(describeAnomalies(checkHistory(history, finalReads))).toBe('');
        expect(describeAnomalies(checkHistory(history))).toBe('');
      }
    }));

  it.each(INJECTIONS)('finds an injected %s', (kind, inject) =>
    withSeed(`injected ${kind}`, (random) => {
      for (let round = 0; round < 10; round += 1) {
        const execution = executeAtRandom(random.fork(), 500);
        inject(execution, random);
        expect(kindsOf(execution.history, execution.finalReads)).toContain(kind);
      }
    }),
  );

  const incorrect = KNOWN_HISTORIES.filter(({ expected }) => expected.length > 0);
  it.each(incorrect)('finds $expected in the midst of a correct history: $title', (one) =>
    withSeed(one.title, (random) => {
      const execution = executeAtRandom(random.fork(), 500);
      splice(execution, one, random);
      const kinds = kindsOf(execution.history, execution.finalReads);
      expect(kinds).toEqual(expect.arrayContaining([...one.expected]));
    }),
  );

  it(
    'checks 100 000 transactions',
    () =>
      withSeed('large history', (random) => {
        const { history, finalReads } = executeSerially({
          random,
          transactions: 100_000,
          concurrency: 16,
        });
        expect(describeAnomalies(checkHistory(history, finalReads))).toBe('');
      }),
    60_000,
  );

  it(
    'checks a large history that is entirely broken',
    () =>
      withSeed('large broken history', (random) => {
        const { history, finalReads } = executeSerially({
          random,
          transactions: 25_000,
          concurrency: 16,
        });
        const stale = history.map((one) => ({
          ...one,
          operations: one.operations.map((operation) =>
            operation.kind === 'read' && !appendsTo(one, operation.key)
              ? {
                  ...operation,
                  list: operation.list.slice(0, random.integer(operation.list.length + 1)),
                }
              : operation,
          ),
        }));
        expect(kindsOf(stale, finalReads)).toContain('G-single');
      }),
    60_000,
  );
});

describe('the recorder', () => {
  it('records interleaved transactions and counts the unfinished ones as unknown', () => {
    let time = 0;
    const recorder = new ListAppendRecorder({ now: () => (time += 1) });
    const first = recorder.begin('A');
    const second = recorder.begin('B');
    first.read('x', []);
    second.append('x', 2);
    first.append('x', 1);
    first.end('ok');
    expect(JSON.parse(JSON.stringify(recorder))).toEqual([
      {
        id: 'A',
        status: 'ok',
        startedAt: 1,
        endedAt: 3,
        operations: [
          { kind: 'read', key: 'x', list: [] },
          { kind: 'append', key: 'x', value: 1 },
        ],
      },
      {
        id: 'B',
        status: 'info',
        startedAt: 2,
        endedAt: 2,
        operations: [{ kind: 'append', key: 'x', value: 2 }],
      },
    ]);
    expect(() => first.end('fail')).toThrow('A is not running');
    expect(() => recorder.begin('B')).toThrow('B has begun already');
  });

  it('forgets an attempt that is repeated, but not when it began', () => {
    const recorder = new ListAppendRecorder({ now: () => 7 });
    const recording = recorder.begin('A');
    recording.append('x', 1);
    recording.restart();
    recording.append('y', 1);
    recording.end('ok');
    expect(recorder.transactions()[0]?.operations).toEqual([
      { kind: 'append', key: 'y', value: 1 },
    ]);
  });

  it('is rebuilt from the journal of a process that was killed', () => {
    const journal: string[] = [];
    const onEvent = (event: HistoryEvent) => journal.push(JSON.stringify(event));
    const recorder = new ListAppendRecorder({ onEvent });
    recorder.begin('A').end('fail');
    recorder.begin('B').append('x', 1);
    const events = journal.map((line) => JSON.parse(line) as HistoryEvent);
    expect(ListAppendRecorder.fromEvents(events).transactions()).toEqual(recorder.transactions());
  });

  it('merges the parts of several processes in the order of their starts', () => {
    const [early, late] = [new ListAppendRecorder(), new ListAppendRecorder()];
    const first = early.begin('A');
    late.begin('B').end('ok');
    early.begin('C').end('ok');
    first.end('ok');
    const merged = mergeHistories([late.transactions(), early.transactions()]);
    expect(merged.map(({ id }) => id)).toEqual(['A', 'B', 'C']);
    expect(merged[0]!.endedAt).toBeGreaterThanOrEqual(merged[2]!.endedAt);
  });
});

describe('the generator', () => {
  it('keeps values unique, groups small and lists short', () =>
    withSeed('generator', (random) => {
      const generators = [0, 1, 2].map((index) =>
        generateListAppend({ random: random.fork(), worker: { index, count: 3 } }),
      );
      const lists = new Map<string, number[]>();
      const values = new Set<number>();
      let appends = 0;
      for (let round = 0; round < 3_000; round += 1) {
        const { operations } = generators[round % 3]!.next();
        expect(operations.length).toBeGreaterThan(0);
        expect(operations.length).toBeLessThanOrEqual(10);
        for (const operation of operations) {
          if (operation.kind === 'read') continue;
          appends += 1;
          values.add(operation.value);
          lists.set(operation.key, [...(lists.get(operation.key) ?? []), operation.value]);
        }
      }
      expect(values.size).toBe(appends);
      expect(Math.max(...Array.from(lists.values(), ({ length }) => length))).toBeLessThan(100);
      const keys = new Set(generators.flatMap((generator) => generator.keys()));
      expect([...lists.keys()].filter((key) => !keys.has(key))).toEqual([]);
      expect(generators[0]!.keys()).toEqual(generators[1]!.keys());
    }));

  it('repeats itself with the same seed', () => {
    const [one, other] = [0, 1].map(() => generateListAppend({ random: new SeededRandom(42) }));
    for (let round = 0; round < 100; round += 1) expect(one!.next()).toEqual(other!.next());
  });
});
