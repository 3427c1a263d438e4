import { OpenRequest, type CommitResult } from '../commit/commit-request.js';
import type { Coordinator } from '../commit/coordinator.js';
import type { ItemLocks } from '../commit/item-locks.js';
import type { DistributedTxError } from '../errors/index.js';
import { toCommitFailure, type CommitFailure } from './commit-failure.js';
import type { ResolvedOptions } from './transaction-options.js';
import type { ItemState, LoggedItem, OperationLog } from './operation-log.js';

/** What a transaction asks the coordinator for when it commits, and what it was answered. */
export class CommitAttempt extends OpenRequest {
  declare readonly items: readonly LoggedItem[];
  /** The item whose lock the commit met. */
  locked: LoggedItem | undefined = undefined;
  #commitCounts: ReadonlyMap<number, number> | undefined;

  /** Undefined when it is committed. */
  conclude(result: CommitResult, timeoutMs: number): CommitFailure | undefined {
    if (result.status === 'committed') {
      this.#commitCounts = result.commitCounts;
      return undefined;
    }
    if (result.status === 'locked') this.locked = this.items[result.index];
    return toCommitFailure(result, this.items, timeoutMs);
  }

  /** The outcome of a commit whose promise was rejected; rejects where it was not sent. */
  async resolve(coordinator: Coordinator, error: unknown): Promise<CommitResult> {
    if (this.sent === undefined) throw error;
    return coordinator.resolve(this.sent, this.until, error);
  }

  /** What was not sent yet must not be sent any more. */
  withdraw(): void {
    const commit = this.sent?.commit;
    if (commit !== undefined && !commit.sent) commit.withdrawn = true;
  }

  /** How many commits an item counts that was written without being seen, as far as that is known. */
  countOf(state: ItemState): number | undefined {
    return this.#commitCounts?.get(this.items.findIndex((item) => item.state === state));
  }
}

/**
 * Whether what was read still stands; the conflict if not. Reads of one atomic step existed together, and
 * need no second look.
 */
export async function staleReads(
  coordinator: Coordinator,
  log: OperationLog,
  {
    until,
    options,
    locks,
  }: {
    readonly until: number;
    readonly options: ResolvedOptions;
    readonly locks: ItemLocks | undefined;
  },
): Promise<DistributedTxError | undefined> {
  const items = log.readItems(options.isolation === 'serializable');
  const oneNode = items.every((item) => item.node === items[0]?.node);
  if (items.length === 0 || (log.readAtOnce && oneNode)) return undefined;
  const result = await coordinator.validateUnheld(items, until, locks);
  if (result.status === 'committed') return undefined;
  const failure = toCommitFailure(result, items, options.timeoutMs);
  return failure.retryable ? failure.error : undefined;
}
