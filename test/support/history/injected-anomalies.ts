import type { SeededRandom } from '../seeded-random.js';
import type { AnomalyKind } from './anomaly.js';
import type { AppendOperation, HistoryTransaction } from './history.js';
import type { SerialExecution } from './serial-execution.js';

interface ReadPlace {
  readonly transaction: number;
  readonly operation: number;
  readonly key: string;
  readonly list: readonly number[];
}

/** All reads of committed transactions that fulfil the condition, one of them by chance. */
function pickRead(
  { history }: SerialExecution,
  random: SeededRandom,
  wanted: (place: ReadPlace, transaction: HistoryTransaction) => boolean,
): ReadPlace {
  const places = history.flatMap((one, transaction) =>
    one.status !== 'ok'
      ? []
      : one.operations.flatMap((operation, at): ReadPlace[] => {
          if (operation.kind === 'append') return [];
          const { key, list } = operation;
          const place = { transaction, operation: at, key, list };
          return wanted(place, one) ? [place] : [];
        }),
  );
  return random.pick(places);
}

function replaceList(execution: SerialExecution, place: ReadPlace, list: readonly number[]): void {
  const one = execution.history[place.transaction]!;
  const operations = one.operations.with(place.operation, { kind: 'read', key: place.key, list });
  execution.history[place.transaction] = { ...one, operations };
}

/** Removes an element from every list, as if it had never been written. */
function forget(execution: SerialExecution, key: string, value: number): void {
  const rest = (list: readonly number[]) => list.filter((element) => element !== value);
  execution.finalReads.set(key, rest(execution.finalReads.get(key) ?? []));
  execution.history = execution.history.map((one) => ({
    ...one,
    operations: one.operations.map((operation) =>
      operation.kind === 'read' && operation.key === key
        ? { ...operation, list: rest(operation.list) }
        : operation,
    ),
  }));
}

/** All appends that fulfil the condition, one of them by chance. */
function pickAppend(
  { history }: SerialExecution,
  random: SeededRandom,
  wanted: (one: HistoryTransaction, append: AppendOperation) => boolean,
): AppendOperation {
  const appends = history.flatMap((one) =>
    one.operations.flatMap((operation) =>
      operation.kind === 'append' && wanted(one, operation) ? [operation] : [],
    ),
  );
  return random.pick(appends);
}

function isApplied({ finalReads }: SerialExecution, { key, value }: AppendOperation): boolean {
  return finalReads.get(key)?.includes(value) === true;
}

function findWriter(
  { history }: SerialExecution,
  key: string,
  value: number | undefined,
): HistoryTransaction | undefined {
  return history.find(({ operations }) =>
    operations.some((one) => one.kind === 'append' && one.key === key && one.value === value),
  );
}

function countAppends(one: HistoryTransaction): number {
  return one.operations.filter(({ kind }) => kind === 'append').length;
}

export function appendsTo(one: HistoryTransaction, key: string): boolean {
  return one.operations.some((operation) => operation.kind === 'append' && operation.key === key);
}

/** Each breaks a correct execution in one way and must be found as that. */
export const INJECTIONS: readonly [
  AnomalyKind,
  (execution: SerialExecution, random: SeededRandom) => void,
][] = [
  [
    'garbage-read',
    (execution, random) => {
      const place = pickRead(execution, random, () => true);
      replaceList(execution, place, [...place.list, -1]);
    },
  ],
  [
    'G1a',
    (execution, random) => {
      const failed = execution.history.filter(({ status }) => status === 'fail');
      const place = pickRead(execution, random, ({ key }) =>
        failed.some((one) => appendsTo(one, key)),
      );
      const { value } = pickAppend(execution, random, ({ status }, { key }) => {
        return status === 'fail' && key === place.key;
      });
      replaceList(execution, place, [...place.list, value]);
    },
  ],
  [
    'internal',
    (execution, random) => {
      const place = pickRead(execution, random, ({ list }) => list.length > 1);
      const one = execution.history[place.transaction]!;
      const again = { kind: 'read' as const, key: place.key, list: place.list.slice(1) };
      const operations = one.operations.toSpliced(place.operation + 1, 0, again);
      execution.history[place.transaction] = { ...one, operations };
    },
  ],
  [
    'duplicate-element',
    (execution, random) => {
      const place = pickRead(execution, random, ({ list }) => list.length > 0);
      replaceList(execution, place, [...place.list, place.list[0]!]);
    },
  ],
  [
    'lost-write',
    (execution, random) => {
      const { key, value } = pickAppend(execution, random, ({ status }) => status === 'ok');
      forget(execution, key, value);
    },
  ],
  [
    'aborted-write-applied',
    (execution, random) => {
      const { key, value } = pickAppend(execution, random, ({ status }) => status === 'fail');
      execution.finalReads.set(key, [...(execution.finalReads.get(key) ?? []), value]);
    },
  ],
  [
    'partial-commit',
    (execution, random) => {
      const { key, value } = pickAppend(execution, random, (one, append) => {
        return one.status === 'info' && countAppends(one) > 1 && isApplied(execution, append);
      });
      forget(execution, key, value);
    },
  ],
  [
    'incompatible-order',
    (execution, random) => {
      const place = pickRead(execution, random, ({ key, list }, one) => {
        return list.length > 1 && !appendsTo(one, key);
      });
      replaceList(execution, place, place.list.toReversed());
    },
  ],
  [
    'strict-violation',
    (execution, random) => {
      const { key, value } = pickAppend(execution, random, (one, append) => {
        const list = execution.finalReads.get(append.key) ?? [];
        const following = findWriter(execution, append.key, list[list.indexOf(append.value) + 1]);
        return one.status === 'ok' && following?.status === 'ok' && following !== one;
      });
      const moved = execution.history.indexOf(findWriter(execution, key, value)!);
      const end = Math.max(...execution.history.map(({ endedAt }) => endedAt));
      const times = { startedAt: end + 1, endedAt: end + 2 };
      execution.history[moved] = { ...execution.history[moved]!, ...times };
    },
  ],
];
