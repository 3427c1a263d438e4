import type { SeededRandom } from '../seeded-random.js';
import type { HistoryOperation, HistoryTransaction, TransactionStatus } from './history.js';
import { generateListAppend } from './list-append-generator.js';
import type { ListAppendGeneratorOptions, PlannedTransaction } from './list-append-generator.js';

export interface SerialExecutionOptions extends ListAppendGeneratorOptions {
  readonly transactions: number;
  /** How many transactions overlap, on average. */
  readonly concurrency: number;
  readonly failProbability?: number;
  readonly infoProbability?: number;
}

export interface SerialExecution {
  history: HistoryTransaction[];
  readonly finalReads: Map<string, readonly number[]>;
}

const COMMIT_INTERVAL = 1000;

/**
 * Executes transactions one after the other in memory, as if each had taken effect at one point of
 * a longer period: the history is strictly serializable by construction, although it overlaps.
 */
export function executeSerially(options: SerialExecutionOptions): SerialExecution {
  const { random, transactions, concurrency } = options;
  const { failProbability = 0.1, infoProbability = 0.05 } = options;
  const generator = generateListAppend(options);
  const lists = new Map<string, readonly number[]>();
  const reach = Math.max(1, Math.round((COMMIT_INTERVAL * concurrency) / 2));
  const history: HistoryTransaction[] = [];
  for (let number = 1; number <= transactions; number += 1) {
    const effect = number * COMMIT_INTERVAL;
    const status = chooseStatus(random, failProbability, infoProbability);
    const applied = status === 'ok' || (status === 'info' && random.chance(0.5));
    const planned = generator.next();
    history.push({
      id: planned.id,
      status,
      startedAt: effect - random.integer(reach),
      endedAt: effect + random.integer(reach),
      operations: execute(planned, lists, applied),
    });
  }
  return { history: random.shuffle(history), finalReads: lists };
}

function chooseStatus(random: SeededRandom, fail: number, info: number): TransactionStatus {
  const drawn = random.next();
  if (drawn < fail) return 'fail';
  return drawn < fail + info ? 'info' : 'ok';
}

function execute(
  planned: PlannedTransaction,
  lists: Map<string, readonly number[]>,
  applied: boolean,
): HistoryOperation[] {
  const own = new Map<string, readonly number[]>();
  const operations = planned.operations.map((operation): HistoryOperation => {
    const list = own.get(operation.key) ?? lists.get(operation.key) ?? [];
    if (operation.kind === 'read') return { ...operation, list };
    own.set(operation.key, [...list, operation.value]);
    return operation;
  });
  if (applied) for (const [key, list] of own) lists.set(key, list);
  return operations;
}
