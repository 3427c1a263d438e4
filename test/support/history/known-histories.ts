import type { AnomalyKind } from './anomaly.js';
import type {
  FinalReads,
  HistoryOperation,
  HistoryTransaction,
  TransactionStatus,
} from './history.js';

export interface KnownHistory {
  readonly title: string;
  /** Exactly these kinds, in the order of the report. */
  readonly expected: readonly AnomalyKind[];
  readonly history: readonly HistoryTransaction[];
  readonly finalReads?: FinalReads;
}

type Period = readonly [startedAt: number, endedAt: number];
const ALL_THE_TIME: Period = [0, 9];

/** Operations are written as `append key value` or `read key element element …`. */
function transaction(
  id: string,
  status: TransactionStatus,
  operations: readonly string[],
  [startedAt, endedAt]: Period = ALL_THE_TIME,
): HistoryTransaction {
  return { id, status, startedAt, endedAt, operations: operations.map(parseOperation) };
}

function parseOperation(text: string): HistoryOperation {
  const [kind, key = '', ...elements] = text.split(' ');
  const list = elements.map(Number);
  return kind === 'append' ? { kind, key, value: list[0]! } : { kind: 'read', key, list };
}

function ok(id: string, operations: readonly string[], period?: Period): HistoryTransaction {
  return transaction(id, 'ok', operations, period);
}

function fail(id: string, operations: readonly string[], period?: Period): HistoryTransaction {
  return transaction(id, 'fail', operations, period);
}

function info(id: string, operations: readonly string[], period?: Period): HistoryTransaction {
  return transaction(id, 'info', operations, period);
}

function inTheEnd(lists: Readonly<Record<string, readonly number[]>>): FinalReads {
  return new Map(Object.entries(lists));
}

const readHistories: readonly KnownHistory[] = [
  {
    title: 'a read of an element that nobody appended',
    expected: ['garbage-read'],
    history: [ok('A', ['append x 1']), ok('B', ['read x 1 9'])],
  },
  {
    title: 'a final read of an element that nobody appended',
    expected: ['garbage-read'],
    history: [ok('A', ['append x 1'])],
    finalReads: inTheEnd({ x: [1, 9] }),
  },
  {
    title: 'a read of an element that an unknown transaction appended',
    expected: [],
    history: [ok('A', ['append x 1']), info('U', ['append x 9']), ok('B', ['read x 1 9'])],
  },
  {
    title: 'a read of an element of a failed transaction',
    expected: ['G1a'],
    history: [fail('A', ['append x 1']), ok('B', ['read x 1'])],
  },
  {
    title: 'garbage that only a failed transaction read',
    expected: [],
    history: [fail('A', ['read x 7', 'append x 1']), ok('B', ['read x'])],
  },
  {
    title: 'a read between two appends of one transaction',
    expected: ['G1b', 'G-single'],
    history: [ok('A', ['append x 1', 'append x 2']), ok('B', ['read x 1'])],
    finalReads: inTheEnd({ x: [1, 2] }),
  },
  {
    title: 'reads before and after two appends of one transaction',
    expected: [],
    history: [ok('A', ['append x 1', 'append x 2']), ok('B', ['read x']), ok('C', ['read x 1 2'])],
    finalReads: inTheEnd({ x: [1, 2] }),
  },
  {
    title: 'a read that misses an own append',
    expected: ['internal'],
    history: [ok('A', ['append x 1', 'read x'])],
    finalReads: inTheEnd({ x: [1] }),
  },
  {
    title: 'a read that shows an own later append',
    expected: ['internal'],
    history: [ok('A', ['read x 1', 'append x 1'])],
  },
  {
    title: 'a read that is not repeatable',
    expected: ['internal'],
    history: [ok('A', ['append x 1']), ok('B', ['read x', 'read x 1'])],
  },
  {
    title: 'reads of all own appends so far',
    expected: [],
    history: [
      ok('A', ['read x', 'append x 1', 'read x 1', 'append x 2', 'read x 1 2', 'read x 1 2']),
      ok('B', ['append x 3', 'read x 1 2 3']),
    ],
    finalReads: inTheEnd({ x: [1, 2, 3] }),
  },
  {
    title: 'appends of one transaction in the opposite order',
    expected: ['G1b', 'internal'],
    history: [ok('A', ['append x 1', 'append x 2']), ok('B', ['read x 2 1'])],
  },
  {
    title: 'an element that is read twice in one list',
    expected: ['duplicate-element'],
    history: [ok('A', ['append x 1']), ok('B', ['read x 1 1'])],
  },
  {
    title: 'an element that is twice in the final list',
    expected: ['duplicate-element'],
    history: [ok('A', ['append x 1'])],
    finalReads: inTheEnd({ x: [1, 1] }),
  },
  {
    title: 'lists of which none is the beginning of the other',
    expected: ['incompatible-order'],
    history: [
      ok('A', ['append x 1']),
      ok('B', ['append x 2']),
      ok('C', ['read x 1 2']),
      ok('D', ['read x 2']),
    ],
  },
  {
    title: 'lists that continue each other',
    expected: [],
    history: [
      ok('A', ['append x 1']),
      ok('B', ['append x 2']),
      ok('C', ['read x 1 2']),
      ok('D', ['read x 1']),
    ],
  },
];

const outcomeHistories: readonly KnownHistory[] = [
  {
    title: 'an append of a committed transaction that is missing in the end',
    expected: ['lost-write'],
    history: [ok('A', ['append x 1', 'append y 1'])],
    finalReads: inTheEnd({ y: [1] }),
  },
  {
    title: 'an append of an unknown transaction that was read and is missing in the end',
    expected: ['lost-write'],
    history: [info('A', ['append x 1']), ok('B', ['read x 1'])],
    finalReads: inTheEnd({ x: [] }),
  },
  {
    title: 'appends of failed and unknown transactions that are missing in the end',
    expected: [],
    history: [fail('A', ['append x 1']), info('B', ['append x 2', 'append y 2'])],
    finalReads: inTheEnd({}),
  },
  {
    title: 'an append of a failed transaction that is there in the end',
    expected: ['aborted-write-applied'],
    history: [fail('A', ['append x 1'])],
    finalReads: inTheEnd({ x: [1] }),
  },
  {
    title: 'an unknown transaction of which only a part is there in the end',
    expected: ['partial-commit'],
    history: [info('A', ['append x 1', 'append y 2'])],
    finalReads: inTheEnd({ x: [1] }),
  },
  {
    title: 'an unknown transaction that is there as a whole in the end',
    expected: [],
    history: [info('A', ['append x 1', 'append y 2'])],
    finalReads: inTheEnd({ x: [1], y: [2] }),
  },
];

const cycleHistories: readonly KnownHistory[] = [
  {
    title: 'writes of two transactions in different orders on two keys',
    expected: ['G0'],
    history: [ok('A', ['append x 1', 'append y 1']), ok('B', ['append x 2', 'append y 2'])],
    finalReads: inTheEnd({ x: [1, 2], y: [2, 1] }),
  },
  {
    title: 'writes of two transactions in the same order on two keys',
    expected: [],
    history: [ok('A', ['append x 1', 'append y 1']), ok('B', ['append x 2', 'append y 2'])],
    finalReads: inTheEnd({ x: [1, 2], y: [1, 2] }),
  },
  {
    title: 'a transaction that precedes in one list what it reads from another list',
    expected: ['G1c'],
    history: [
      ok('A', ['append north 4', 'read south 8']),
      ok('B', ['append north 5', 'append south 8']),
      ok('C', ['read north 4 5']),
    ],
  },
  {
    title: 'a transaction that precedes in one list what it does not see in another list',
    expected: [],
    history: [
      ok('A', ['append north 4', 'read south']),
      ok('B', ['append north 5', 'append south 8']),
      ok('C', ['read north 4 5']),
    ],
  },
  {
    title: 'three transactions that read from each other in a circle',
    expected: ['G1c'],
    history: [
      ok('A', ['append x 1', 'read y 2']),
      ok('B', ['append y 2', 'read z 3']),
      ok('C', ['append z 3', 'read x 1']),
    ],
  },
  {
    title: 'a lost update',
    expected: ['G-single'],
    history: [ok('A', ['read x', 'append x 1']), ok('B', ['read x', 'append x 2'])],
    finalReads: inTheEnd({ x: [1, 2] }),
  },
  {
    title: 'an update that saw the other one',
    expected: [],
    history: [ok('A', ['read x', 'append x 1']), ok('B', ['read x 1', 'append x 2'])],
    finalReads: inTheEnd({ x: [1, 2] }),
  },
  {
    title: 'a read of one half of a transaction',
    expected: ['G-single'],
    history: [ok('A', ['append x 1', 'append y 2']), ok('B', ['read x', 'read y 2'])],
    finalReads: inTheEnd({ x: [1], y: [2] }),
  },
  {
    title: 'a read of one half of an unknown transaction',
    expected: ['G-single'],
    history: [info('A', ['append x 1', 'append y 2']), ok('B', ['read x', 'read y 2'])],
    finalReads: inTheEnd({ x: [1], y: [2] }),
  },
  {
    title: 'write skew',
    expected: ['G2'],
    history: [ok('A', ['read x', 'append y 1']), ok('B', ['read y', 'append x 2'])],
    finalReads: inTheEnd({ x: [2], y: [1] }),
  },
  {
    title: 'write skew of which one transaction was never applied',
    expected: [],
    history: [ok('A', ['read x', 'append y 1']), info('B', ['read y', 'append x 2'])],
    finalReads: inTheEnd({ y: [1] }),
  },
  {
    title: 'two readers that see two writers in different orders',
    expected: ['G2'],
    history: [
      ok('A', ['append x 1']),
      ok('B', ['append y 2']),
      ok('C', ['read x 1', 'read y']),
      ok('D', ['read x', 'read y 2']),
    ],
  },
  {
    title: 'two readers that see two writers in the same order',
    expected: [],
    history: [
      ok('A', ['append x 1']),
      ok('B', ['append y 2']),
      ok('C', ['read x 1', 'read y']),
      ok('D', ['read x 1', 'read y 2']),
    ],
  },
];

const realTimeHistories: readonly KnownHistory[] = [
  {
    title: 'a stale read',
    expected: ['strict-violation'],
    history: [ok('A', ['append x 1'], [0, 1]), ok('B', ['read x'], [2, 3])],
    finalReads: inTheEnd({ x: [1] }),
  },
  {
    title: 'an old value read by a transaction that started before the writer ended',
    expected: [],
    history: [ok('A', ['append x 1'], [0, 2]), ok('B', ['read x'], [2, 3])],
    finalReads: inTheEnd({ x: [1] }),
  },
  {
    title: 'a stale read long after the writer, with others in between',
    expected: ['strict-violation'],
    history: [
      ok('A', ['append x 1'], [0, 1]),
      ok('B', ['append y 1'], [2, 3]),
      ok('C', ['append z 1'], [4, 5]),
      ok('D', ['read x'], [6, 7]),
    ],
    finalReads: inTheEnd({ x: [1], y: [1], z: [1] }),
  },
  {
    title: 'a reader that sees the second of two consecutive writers only',
    expected: ['strict-violation'],
    history: [
      ok('A', ['append x 1'], [0, 1]),
      ok('B', ['append y 2'], [2, 3]),
      ok('C', ['read x', 'read y 2']),
    ],
    finalReads: inTheEnd({ x: [1], y: [2] }),
  },
  {
    title: 'an unknown transaction that takes effect late',
    expected: [],
    history: [
      info('A', ['append x 1'], [0, 1]),
      ok('B', ['read x'], [2, 3]),
      ok('C', ['read x 1'], [4, 5]),
    ],
    finalReads: inTheEnd({ x: [1] }),
  },
  {
    title: 'a read of an unknown transaction that has not started yet',
    expected: ['strict-violation'],
    history: [ok('A', ['read x 1'], [0, 1]), info('B', ['append x 1'], [2, 3])],
    finalReads: inTheEnd({ x: [1] }),
  },
  {
    title: 'appends that stand in the list against their real-time order',
    expected: ['strict-violation'],
    history: [ok('A', ['append x 1'], [0, 1]), ok('B', ['append x 2'], [2, 3])],
    finalReads: inTheEnd({ x: [2, 1] }),
  },
];

/** Histories written by hand: for every anomaly some that have it and some that only look like it. */
export const KNOWN_HISTORIES: readonly KnownHistory[] = [
  ...readHistories,
  ...outcomeHistories,
  ...cycleHistories,
  ...realTimeHistories,
];
