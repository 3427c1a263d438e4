import {
  DistributedTxError,
  TransactionalReturnTypeError,
  TransactionOutcomeUnknownError,
  TransactionRolledBackError,
  TransactionTimeoutError,
} from '../errors/index.js';
import type { Clock } from '../store/clock.js';
import { backoffDelayMs } from './backoff.js';
import type { CommitFailure } from './commit-failure.js';
import type { TransactionContext } from './context.js';
import { runCommitHooks, runRollbackHooks, sealForCommit } from './conclusion.js';
import type { Random } from './random.js';
import type { TransactionEvents } from './transaction-events.js';
import type { ResolvedOptions } from './transaction-options.js';
import { TransactionScope, type Transaction } from './transaction.js';

/** What all calls of a manager share. */
export interface CallEnvironment {
  readonly context: TransactionContext;
  readonly clock: Clock;
  readonly random: Random;
  readonly events: TransactionEvents;
  begin(
    options: ResolvedOptions,
    call: { readonly callId?: string; readonly attempt: number; readonly until: number },
  ): Transaction;
}

/** The work of a call, and what is known of it besides its options. */
export interface Work<T> {
  readonly run: () => Promise<T>;
  readonly options: ResolvedOptions;
  /** Asked before each further attempt. */
  readonly mayRetry: (() => boolean) | undefined;
}

/** How one attempt ended. */
type Ending<T> =
  | { readonly kind: 'committed'; readonly value: T }
  /** Committed, and the method's own error (`noRollbackFor`) goes on to the caller. */
  | { readonly kind: 'committed-with'; readonly error: unknown }
  | { readonly kind: 'again'; readonly error: DistributedTxError }
  | { readonly kind: 'failed'; readonly error: unknown };

/**
 * One call: runs its method as often as conflicts make necessary, within its attempts and its time.
 *
 * C1 The caller is answered once, and no later than the deadline.
 * C2 An error that came from data which never existed together is not reported; the call runs again.
 */
export class ManagedCall<T> {
  readonly #environment: CallEnvironment;
  readonly #work: Work<T>;
  readonly #outer: TransactionScope | undefined;
  readonly #until: number;
  #transaction: Transaction | undefined;
  #lastConflict: DistributedTxError | undefined;
  #answered = false;
  #resolve!: (value: T) => void;
  #reject!: (error: unknown) => void;
  #cancelDeadline!: () => void;

  constructor(environment: CallEnvironment, work: Work<T>) {
    this.#environment = environment;
    this.#work = work;
    this.#outer = environment.context.getStore();
    this.#until = environment.clock.now() + work.options.timeoutMs;
  }

  /** Calls the method before it returns. */
  start(): Promise<T> {
    const { clock } = this.#environment;
    return new Promise<T>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      this.#cancelDeadline = clock.schedule(this.#work.options.timeoutMs, () => this.#expire());
      this.#runAttempts().catch((error: unknown) => this.#answerError(error));
    });
  }

  async #runAttempts(): Promise<void> {
    const { retry } = this.#work.options;
    for (let attempt = 1; ; attempt++) {
      const transaction = this.#begin(attempt);
      const ending = await this.#runAttempt(transaction);
      if (this.#answered) return;
      if (ending.kind !== 'again') return this.#conclude(transaction, ending);
      this.#lastConflict = ending.error;
      this.#environment.events.conflict(transaction, ending.error);
      const delayMs = backoffDelayMs(attempt, retry, this.#environment.random);
      const outOfTime = this.#environment.clock.now() + delayMs >= this.#until;
      if (attempt >= retry.attempts || outOfTime || this.#work.mayRetry?.() === false) {
        this.#environment.events.gaveUp(transaction, ending.error);
        return this.#conclude(transaction, { kind: 'failed', error: ending.error });
      }
      this.#environment.events.retried(transaction, delayMs);
      await new Promise<void>((resolve) => this.#environment.clock.schedule(delayMs, resolve));
      if (this.#answered) return;
    }
  }

  #begin(attempt: number): Transaction {
    const transaction = this.#environment.begin(this.#work.options, {
      callId: this.#transaction?.callId,
      attempt,
      until: this.#until,
    });
    this.#transaction = transaction;
    return transaction;
  }

  async #runAttempt(transaction: Transaction): Promise<Ending<T>> {
    const { options } = this.#work;
    const scope = new TransactionScope(transaction, options.readOnly, undefined);
    let value: T | undefined;
    let thrown: { readonly error: unknown } | undefined;
    try {
      const promise = this.#environment.context.run(scope, this.#work.run);
      value = await requirePromise(promise, options.name);
      await transaction.settle();
    } catch (error) {
      thrown = { error };
      if (!isOurs(error) && !options.rollsBackFor(error)) {
        return this.#commit(transaction, scope, { kind: 'committed-with', error });
      }
    }
    if (this.#answered) return { kind: 'failed', error: undefined };
    if (thrown) return this.#rollBack(transaction, thrown.error);
    return this.#commit(transaction, scope, { kind: 'committed', value: value as T });
  }

  async #commit(
    transaction: Transaction,
    scope: TransactionScope,
    ending: Ending<T>,
  ): Promise<Ending<T>> {
    try {
      await sealForCommit(this.#environment.context, scope);
    } catch (error) {
      return this.#rollBack(transaction, error);
    }
    const mark = transaction.rollbackOnlySince();
    if (mark) return this.#rollBack(transaction, rolledBackBy(mark.reason));
    let failure: CommitFailure | undefined;
    try {
      failure = await transaction.commitSealed();
    } catch (error) {
      if (!(error instanceof TransactionOutcomeUnknownError)) await abandon(transaction, error);
      return { kind: 'failed', error };
    }
    if (failure === undefined) return ending;
    await abandon(transaction, failure.error);
    return { kind: failure.retryable ? 'again' : 'failed', error: failure.error };
  }

  /** C2: whatever went wrong, if the reads are stale the attempt proves nothing. */
  async #rollBack(transaction: Transaction, error: unknown): Promise<Ending<T>> {
    let stale: CommitFailure | undefined;
    try {
      if (!isInfrastructure(error)) stale = await transaction.validateReads();
    } catch (unreadable) {
      if (unreadable instanceof Error) unreadable.cause ??= error;
      error = unreadable;
    }
    await abandon(transaction, error);
    if (stale === undefined) return { kind: 'failed', error };
    stale.error.cause = error;
    return { kind: 'again', error: stale.error };
  }

  async #conclude(
    transaction: Transaction,
    ending: Exclude<Ending<T>, { kind: 'again' }>,
  ): Promise<void> {
    const { events, context } = this.#environment;
    this.#cancelDeadline();
    this.#answered = true;
    if (ending.kind === 'failed') return this.#fail(transaction, ending.error);
    events.committed(transaction);
    if (transaction.hooks) {
      await context.run(this.#outer, () => runCommitHooks(transaction, events));
    }
    if (ending.kind === 'committed') this.#resolve(ending.value);
    else this.#reject(ending.error);
  }

  async #fail(transaction: Transaction, error: unknown): Promise<void> {
    const { events, context } = this.#environment;
    if (error instanceof DistributedTxError) {
      const { callId, attempt } = transaction;
      error.transaction ??= { callId, attempt };
    }
    if (error instanceof TransactionOutcomeUnknownError) {
      await transaction.close('in_doubt', error);
      events.outcomeUnknown(transaction, error);
    } else {
      events.rolledBack(transaction, error);
    }
    if (transaction.hooks) {
      await context.run(this.#outer, () => runRollbackHooks(transaction, error, events));
    }
    this.#reject(error);
  }

  /** C1: the time of the call is over, whatever it is waiting for. */
  #expire(): void {
    const transaction = this.#transaction;
    if (this.#answered || transaction === undefined) return;
    this.#answered = true;
    const cause = this.#lastConflict;
    const error = transaction.commitSent
      ? new TransactionOutcomeUnknownError(transaction.address)
      : new TransactionTimeoutError(this.#work.options.timeoutMs, { cause });
    if (!transaction.commitSent) void abandon(transaction, error);
    this.#fail(transaction, error).catch((failed: unknown) => this.#answerError(failed));
  }

  #answerError(error: unknown): void {
    this.#cancelDeadline();
    this.#answered = true;
    this.#reject(error);
  }
}

/** @throws TransactionalReturnTypeError for what cannot be waited for. */
export function requirePromise<T>(returned: Promise<T>, name: string | undefined): Promise<T> {
  if (typeof (returned as { then?: unknown } | null | undefined)?.then === 'function')
    return returned;
  throw new TransactionalReturnTypeError(name ?? 'The work given to run()', returned);
}

export function rolledBackBy(reason: unknown): TransactionRolledBackError {
  return new TransactionRolledBackError(
    'The transaction was marked for roll back, mostly by an inner method whose error was caught (see ' +
      '`cause`), and was rolled back. Let the error pass, or give the inner method NESTED or REQUIRES_NEW.',
    { cause: reason },
  );
}

/** Its own failure to record the roll back changes nothing: an undecided record times out. */
async function abandon(transaction: Transaction, reason: unknown): Promise<void> {
  await transaction.close('rolled_back', reason).catch(() => undefined);
}

/** Refusals of this library always roll back, whatever `noRollbackFor` says of others. */
function isOurs(error: unknown): boolean {
  return error instanceof TransactionalReturnTypeError || isInfrastructure(error);
}

function isInfrastructure(error: unknown): boolean {
  return (
    error instanceof DistributedTxError &&
    (error.category === 'internal' || error.category === 'outcome-unknown')
  );
}
