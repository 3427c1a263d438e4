import {
  TransactionClosedError,
  TransactionOptionsError,
  TransactionOutcomeUnknownError,
  TransactionTimeoutError,
} from '../errors/index.js';
import type { Cancel } from '../store/clock.js';
import { runCommitHooks, runRollbackHooks, sealForCommit } from './conclusion.js';
import type { CallEnvironment } from './managed-call.js';
import type { Savepoint } from './operation-log.js';
import { requirePromise } from './returned.js';
import { rolledBackBy } from './rollback-marks.js';
import { requireWork } from './transaction-options.js';
import { TransactionScope } from './transaction-scope.js';
import type { TransactionControl } from './transaction-environment.js';
import type { Transaction } from './transaction.js';

interface Deadline {
  /** Local monotonic milliseconds. */
  readonly atMs: number;
  readonly cancel: Cancel;
}

/** Transactions that the user begins, commits and rolls back himself; at their deadline they end. */
export class TransactionsByHand implements TransactionControl {
  readonly #environment: CallEnvironment;
  readonly #deadlines = new Map<Transaction, Deadline>();
  readonly #committing = new WeakSet<Transaction>();

  constructor(environment: CallEnvironment) {
    this.#environment = environment;
  }

  add(transaction: Transaction, timeoutMs: number): void {
    const { clock } = this.#environment;
    const cancel = clock.schedule(timeoutMs, () => {
      if (transaction.status !== 'active') return;
      void this.#end(transaction, new TransactionTimeoutError(timeoutMs));
    });
    this.#deadlines.set(transaction, { atMs: clock.now() + timeoutMs, cancel });
  }

  savepointIn(transaction: Transaction): Savepoint | undefined {
    return this.#scopeOf(transaction)?.savepoint;
  }

  async run<T>(transaction: Transaction, work: () => Promise<T>): Promise<T> {
    requireWork('transaction.run', work);
    transaction.assertOpen();
    const { readOnly, name } = transaction.options;
    const scope =
      this.#scopeOf(transaction) ?? new TransactionScope(transaction, readOnly, undefined);
    return this.#environment.context.run(scope, () => requirePromise(work(), name));
  }

  async commit(transaction: Transaction): Promise<void> {
    transaction.assertOpen();
    if (!this.#deadlines.has(transaction)) {
      throw new TransactionOptionsError(
        'This transaction commits when its method returns; commit() is for transactions begun by hand.',
      );
    }
    if (this.#committing.has(transaction)) {
      throw new TransactionClosedError(`Transaction ${transaction.id} is being committed already.`);
    }
    this.#committing.add(transaction);
    const { context, events } = this.#environment;
    try {
      await this.#tryCommit(transaction);
    } catch (error) {
      await this.#end(transaction, error);
      throw error;
    }
    this.#forget(transaction);
    events.committed(transaction);
    await context.run(undefined, () => runCommitHooks(transaction, this.#environment));
  }

  async rollback(transaction: Transaction, reason: unknown): Promise<void> {
    // After a failed commit there is nothing left to do, and no error to hide the first one.
    if (transaction.status === 'rolled_back' || transaction.status === 'in_doubt') return;
    transaction.assertOpen();
    if (this.#deadlines.has(transaction)) await this.#end(transaction, reason);
    else {
      const savepoint = this.savepointIn(transaction);
      transaction.rollbackMarks.add({ reason, savepoint, byRequest: true });
    }
  }

  async #tryCommit(transaction: Transaction): Promise<void> {
    const scope = new TransactionScope(transaction, transaction.options.readOnly, undefined);
    const result = await this.#beforeDeadline(transaction, async () => {
      await transaction.settle();
      await sealForCommit(this.#environment.context, scope);
      const mark = transaction.rollbackMarks.first();
      if (mark) throw rolledBackBy(mark);
      try {
        return await transaction.sendCommit();
      } catch (error) {
        return transaction.resolveCommit(error);
      }
    });
    const failure = transaction.concludeCommit(result);
    if (failure) throw failure.error;
  }

  /** What was sent and is not answered by the deadline has an unknown outcome. */
  #beforeDeadline<T>(transaction: Transaction, send: () => Promise<T>): Promise<T> {
    const { clock } = this.#environment;
    const { timeoutMs } = transaction.options;
    const leftMs = (this.#deadlines.get(transaction)?.atMs ?? 0) - clock.now();
    return new Promise<T>((resolve, reject) => {
      const cancel = clock.schedule(Math.max(leftMs, 0), () => {
        const unknown = transaction.commitSent;
        reject(
          unknown
            ? new TransactionOutcomeUnknownError(transaction.address)
            : new TransactionTimeoutError(timeoutMs),
        );
      });
      send().then(resolve, reject).finally(cancel);
    });
  }

  async #end(transaction: Transaction, reason: unknown): Promise<void> {
    if (transaction.status === 'rolled_back' || transaction.status === 'in_doubt') return;
    const { context, events } = this.#environment;
    this.#forget(transaction);
    if (reason instanceof TransactionOutcomeUnknownError) {
      await transaction.close('in_doubt', reason);
      events.outcomeUnknown(transaction, reason);
    } else {
      await transaction.close('rolled_back', reason).catch(() => undefined);
      events.rolledBack(transaction, reason);
    }
    await context.run(undefined, () => runRollbackHooks(transaction, reason, this.#environment));
  }

  #forget(transaction: Transaction): void {
    this.#deadlines.get(transaction)?.cancel();
    if (this.#deadlines.delete(transaction)) this.#environment.ended();
  }

  #scopeOf(transaction: Transaction): TransactionScope | undefined {
    const scope = this.#environment.context.scope();
    return scope?.transaction === transaction ? scope : undefined;
  }
}
