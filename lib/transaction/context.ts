import { AsyncLocalStorage } from 'node:async_hooks';
import type { TransactionScope } from './transaction-scope.js';
import type { Transaction } from './transaction.js';

/** The current transaction of one manager; below it those of others, each manager once. */
interface Frame {
  readonly owner: TransactionContext;
  readonly scope: TransactionScope;
  readonly below: Frame | undefined;
}

/** One for all managers, so that each can tell that a transaction of another one is running. */
const frames = new AsyncLocalStorage<Frame | undefined>();

/** Where a manager finds its current transaction; what others have there does not concern it. */
export class TransactionContext {
  scope(): TransactionScope | undefined {
    let frame = frames.getStore();
    while (frame !== undefined && frame.owner !== this) frame = frame.below;
    return frame?.scope;
  }

  /** Runs `work` with this scope as the current one; undefined suspends what is running. */
  run<R>(scope: TransactionScope | undefined, work: () => R): R {
    const below = this.#framesOfOthers(frames.getStore());
    return frames.run(scope === undefined ? below : { owner: this, scope, below }, work);
  }

  /** A transaction of another manager that takes operations in the calling context. */
  foreign(): Transaction | undefined {
    let frame = this.#framesOfOthers(frames.getStore());
    while (frame !== undefined && frame.scope.transaction.status !== 'active') frame = frame.below;
    return frame?.scope.transaction;
  }

  #framesOfOthers(frame: Frame | undefined): Frame | undefined {
    if (frame === undefined) return undefined;
    if (frame.owner === this) return frame.below;
    const below = this.#framesOfOthers(frame.below);
    return below === frame.below ? frame : { ...frame, below };
  }
}
