import type { CommitResult } from '../commit/commit-request.js';
import { TransactionConflictError, type DistributedTxError } from '../errors/index.js';
import type { StoredItem } from '../store/stored-item.js';
import type { CommitItem } from '../store/versioned-store.js';
import { HotUse } from './hot-item.js';
import type { HotItems } from './hot-items.js';
import type { ResolvedOptions } from './transaction-options.js';

export interface ContenderSetup {
  readonly id: string;
  /** When its call began, in local monotonic milliseconds. */
  readonly startedAt: number;
  /** Whether it waits for its turn, and starts from what others have sent: it validates all that it reads. */
  readonly takesTurns: boolean;
}

/** One transaction among those that want hot items. */
export class Contender {
  readonly #hotItems: HotItems;
  readonly #use: HotUse;
  readonly #takesTurns: boolean;

  constructor(hotItems: HotItems, { id, startedAt, takesTurns }: ContenderSetup) {
    this.#hotItems = hotItems;
    this.#use = new HotUse(id, startedAt);
    this.#takesTurns = takesTurns;
  }

  /** Resolves when it is its turn on these items; undefined where nothing has to be waited for. */
  take(keys: readonly string[]): Promise<void> | undefined {
    return this.#takesTurns ? this.#hotItems.take(this.#use, keys) : undefined;
  }

  /** What others have sent, or the store has said before; undefined where the store has to be asked. */
  known(key: string): StoredItem | undefined {
    return this.#takesTurns ? this.#hotItems.known(this.#use, key) : undefined;
  }

  /**
   * Resolves when all commits are answered whose values it was given; undefined where none is under way. Before
   * that a look at the store proves nothing.
   */
  predecessors(): Promise<unknown> | undefined {
    const waiting = this.#use.builtOn?.flatMap(({ answered }) => answered ?? []) ?? [];
    return waiting.length === 0 ? undefined : Promise.all(waiting);
  }

  /** Whether the conflict is one that waiting for a turn avoids, so that no other pause is needed. */
  waitsAfter(conflict: DistributedTxError): boolean {
    if (!this.#takesTurns || !(conflict instanceof TransactionConflictError)) return false;
    return this.#hotItems.isHot(conflict.item);
  }

  learn(key: string, stood: StoredItem | undefined): void {
    this.#hotItems.learn(key, stood);
  }

  /** The refusal that the store would answer. Who only reads may have read what stood before. */
  refusalOf(items: readonly CommitItem[]): CommitResult | undefined {
    if (!this.#takesTurns || items.every(({ change }) => change === undefined)) return undefined;
    const stale = this.#hotItems.findStale(items);
    return stale === undefined ? undefined : { status: 'conflict', ...stale };
  }

  sent(items: readonly CommitItem[]): void {
    this.#hotItems.sent(this.#use, items);
  }

  concluded(result: CommitResult, items: readonly CommitItem[]): void {
    const isCommitted = result.status === 'committed';
    if (isCommitted && this.#use.flying.length === 0) this.#hotItems.overwritten(items);
    this.#hotItems.answered(this.#use, isCommitted);
    this.leave();
  }

  leave(): void {
    this.#hotItems.leave(this.#use);
  }
}

/** A transaction that only reads, or does not validate all that it reads, is not given what was only sent. */
export function contenderFor(
  hotItems: HotItems,
  {
    id,
    until,
    options,
  }: { readonly id: string; readonly until: number; readonly options: ResolvedOptions },
): Contender {
  const { readOnly, isolation, timeoutMs } = options;
  const takesTurns = !readOnly && isolation === 'serializable';
  return new Contender(hotItems, { id, startedAt: until - timeoutMs, takesTurns });
}
