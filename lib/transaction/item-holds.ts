import type { ItemLocks } from '../commit/item-locks.js';
import type { RecordedCall } from '../commit/transaction-record.js';
import type { DistributedTxError } from '../errors/index.js';
import type { TransactionAddress } from '../store/transaction-address.js';
import { lockConflict } from './commit-failure.js';
import type { ItemReader } from './item-reads.js';
import { limitItems } from './limits.js';
import type { MaybePromise } from './maybe-promise.js';
import type { ItemReference } from './operation.js';
import type { ResolvedOptions } from './transaction-options.js';

/** Somebody else held an item until patience was over. */
export interface FailedLockWait {
  readonly references: readonly ItemReference[];
  readonly conflict: DistributedTxError;
}

/** A transaction, as far as it holds items in the store before it commits. */
export interface ItemHolder extends ItemReader {
  readonly attempt: number;
  readonly call: RecordedCall;
  readonly options: ResolvedOptions;
  locks: ItemLocks | undefined;
  lockWait: FailedLockWait | undefined;
  /** Its record lies with these items, unless that was fixed before. */
  fixAddress(items: readonly ItemReference[]): TransactionAddress;
}

type AttemptBefore = Pick<ItemHolder, 'log' | 'lockWait'>;

/**
 * Waits for its turn on what the attempt before has touched, and others contend for. After `retry.lockAfter`
 * attempts that failed, or where that one did not get a lock, it holds all of that in the store. Undefined where
 * nothing has to be waited for.
 */
export function startAfter(holder: ItemHolder, before: AttemptBefore): Promise<void> | undefined {
  const { isolation, retry } = holder.options;
  const { log, lockWait } = before;
  if (holder.attempt <= retry.lockAfter && lockWait === undefined) {
    return holder.contender?.take(log.keys);
  }
  const touched = log.validated(isolation === 'serializable');
  return hold(holder, lockWait === undefined ? touched : [...touched, ...lockWait.references]);
}

/** Holds items from now on, so that nobody else changes them; `then` follows. */
export function holdThen<R>(
  holder: ItemHolder,
  references: readonly ItemReference[],
  then: () => R,
): MaybePromise<R> {
  holder.assertOpen();
  if (holder.locks?.covers(references) === true) return then();
  limitItems(holder.log, references, holder.environment.limits);
  return holder.follow(hold(holder, references), then) as Promise<R>;
}

/** @throws TransactionConflictError where somebody else held an item until patience was over. */
async function hold(holder: ItemHolder, references: readonly ItemReference[]): Promise<void> {
  const { environment, options, until, call } = holder;
  const { coordinator } = environment;
  await coordinator.store.learn?.(until);
  if (holder.locks === undefined) {
    await holder.contender?.take(references.map(({ key }) => key));
    holder.assertOpen();
  }
  holder.locks ??= coordinator.locksOf({
    address: holder.fixAddress(references),
    call,
    startedAt: until - options.timeoutMs,
    until,
  });
  const refusal = await holder.locks.take(references);
  holder.assertOpen();
  if (refusal === undefined) return;
  const conflict = lockConflict(refusal);
  holder.lockWait = { references, conflict };
  throw conflict;
}
