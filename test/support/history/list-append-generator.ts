import type { SeededRandom } from '../seeded-random.js';

/** What a transaction has to do; a read gets its list when it is executed. */
export type PlannedOperation =
  | { readonly kind: 'read'; readonly key: string }
  | { readonly kind: 'append'; readonly key: string; readonly value: number };

export interface PlannedTransaction {
  readonly id: string;
  readonly operations: readonly PlannedOperation[];
}

export interface ListAppendGeneratorOptions {
  readonly random: SeededRandom;
  /** What all keys start with. @default 'list' */
  readonly keys?: string;
  /** How many keys a group has; it changes from group to group. @default { from: 6, to: 10 } */
  readonly groupSize?: { readonly from: number; readonly to: number };
  /** A group is left after so many transactions of all workers, so lists stay short. @default 300 */
  readonly transactionsPerGroup?: number;
  /** @default 4 */
  readonly maxOperations?: number;
  /** The size of the occasional long transaction. @default 10 */
  readonly longTransactionOperations?: number;
  /** @default 0.05 */
  readonly longTransactionProbability?: number;
  /** @default 0.5 */
  readonly appendProbability?: number;
  /** Which of how many generators this is: they share keys, but not ids and values. */
  readonly worker?: { readonly index: number; readonly count: number };
}

/** An endless stream of transactions; `keys()` are those of all groups used so far. */
export interface ListAppendGenerator {
  next(): PlannedTransaction;
  keys(): string[];
}

/**
 * Values are unique over all keys and workers. The keys of a group follow from its number alone,
 * so that workers which run at about the same speed meet on the same keys.
 */
export function generateListAppend(options: ListAppendGeneratorOptions): ListAppendGenerator {
  const { random, worker = { index: 0, count: 1 }, transactionsPerGroup = 300 } = options;
  const { maxOperations = 4, longTransactionOperations = 10 } = options;
  const { longTransactionProbability = 0.05, appendProbability = 0.5 } = options;
  const perGroup = Math.max(1, Math.round(transactionsPerGroup / worker.count));
  const used: string[][] = [];
  let transactions = 0;
  let appends = 0;

  const planOperation = (group: readonly string[]): PlannedOperation => {
    const key = random.pick(group);
    if (!random.chance(appendProbability)) return { kind: 'read', key };
    const value = appends * worker.count + worker.index + 1;
    appends += 1;
    return { kind: 'append', key, value };
  };
  return {
    next() {
      const groupNumber = Math.floor(transactions / perGroup);
      if (used.length === groupNumber) used.push(groupKeys(options, groupNumber));
      const long = random.chance(longTransactionProbability);
      const length = long ? longTransactionOperations : 1 + random.integer(maxOperations);
      const group = used[groupNumber]!;
      const operations = Array.from({ length }, () => planOperation(group));
      const id = `t${worker.index}-${transactions}`;
      transactions += 1;
      return { id, operations };
    },
    keys: () => used.flat(),
  };
}

function groupKeys(options: ListAppendGeneratorOptions, groupNumber: number): string[] {
  const { keys = 'list', groupSize: { from, to } = { from: 6, to: 10 } } = options;
  const length = from + (groupNumber % (to - from + 1));
  return Array.from({ length }, (_, number) => `${keys}-${groupNumber}-${number}`);
}
