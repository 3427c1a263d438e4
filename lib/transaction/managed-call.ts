import {
  DistributedTxError,
  ParticipantUnavailableError,
  TransactionalReturnTypeError,
  TransactionOutcomeUnknownError,
  TransactionTimeoutError,
} from '../errors/index.js';
import type { CommitResult } from '../commit/commit-request.js';
import { AskedTooLateError } from '../store/asked-too-late.js';
import { pause, type Clock } from '../store/clock.js';
import { backoffDelayMs } from './backoff.js';
import type { CommitFailure } from './commit-failure.js';
import { runCommitHooks, runRollbackHooks, sealForCommit } from './conclusion.js';
import type { TransactionContext } from './context.js';
import type { Random } from './random.js';
import { isStream, requirePromise, streamRefusal } from './returned.js';
import { rolledBackBy } from './rollback-marks.js';
import type { TransactionEvents } from './transaction-events.js';
import type { ResolvedOptions } from './transaction-options.js';
import { TransactionScope } from './transaction-scope.js';
import type { Transaction } from './transaction.js';

/** What all calls of a manager share. */
export interface CallEnvironment {
  readonly context: TransactionContext;
  readonly clock: Clock;
  readonly random: Random;
  readonly events: TransactionEvents;
  /** For each hook that runs after the end, in milliseconds. */
  readonly hookTimeoutMs: number;
  begin(options: ResolvedOptions, attempt: AttemptOfCall): Transaction;
  /** A call has answered its caller, or a transaction begun by hand has ended. */
  ended(): void;
}

export interface AttemptOfCall {
  /** Undefined for the first attempt, which names the call. */
  readonly callId: string | undefined;
  readonly attempt: number;
  /** Local monotonic milliseconds. */
  readonly until: number;
}

/** The work of a call, and what is known of it besides. */
export interface Work<T> {
  readonly run: () => Promise<T>;
  readonly options: ResolvedOptions;
  /** Asked before each further attempt. */
  readonly mayRetry: (() => boolean) | undefined;
}

/** Its own timer keeps no process alive that has nothing else to do. */
const IN_BACKGROUND = { background: true } as const;

/** What the caller gets once the commit stands; an error goes on to him in spite of it. */
type Answer<T> = { readonly value: T } | { readonly error: unknown };

/**
 * One call: runs its method as often as conflicts make necessary, within its attempts and its time.
 * The way of a call that meets no trouble takes as few promises as possible: each of them costs, and
 * twice as much where AsyncLocalStorage is in use.
 *
 * C1 The caller is answered once, and no later than the deadline; only hooks may hold him longer, each
 *    for `hookTimeoutMs` at most.
 * C2 An error that came from data which never existed together is not reported; the call runs again.
 */
export class ManagedCall<T> {
  readonly #environment: CallEnvironment;
  readonly #work: Work<T>;
  readonly #outer: TransactionScope | undefined;
  readonly #until: number;
  #attempt = 0;
  #transaction!: Transaction;
  #lastConflict: DistributedTxError | undefined;
  #answered = false;
  #resolve!: (value: T) => void;
  #reject!: (error: unknown) => void;
  #cancelDeadline!: () => void;

  constructor(environment: CallEnvironment, work: Work<T>) {
    this.#environment = environment;
    this.#work = work;
    this.#outer = environment.context.scope();
    this.#until = Math.ceil(environment.clock.now()) + work.options.timeoutMs;
  }

  /** Calls the method before it returns. */
  start(): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      const { clock } = this.#environment;
      const { timeoutMs } = this.#work.options;
      this.#cancelDeadline = clock.schedule(timeoutMs, () => this.#expire(), IN_BACKGROUND);
      this.#runAttempt();
    });
  }

  /** @param before The attempt that failed. */
  #runAttempt(before?: Transaction): void {
    const { options } = this.#work;
    const transaction = this.#environment.begin(options, {
      callId: this.#attempt === 0 ? undefined : this.#transaction.callId,
      attempt: ++this.#attempt,
      until: this.#until,
    });
    this.#transaction = transaction;
    const waiting = before && transaction.startAfter(before);
    if (waiting === undefined) {
      this.#runMethod(transaction);
      return;
    }
    const run = (): void => (this.#answered ? undefined : this.#runMethod(transaction));
    this.#follow(waiting.then(run, (error: unknown) => this.#rollBack(transaction, error)));
  }

  #runMethod(transaction: Transaction): void {
    const { options, run } = this.#work;
    const scope = new TransactionScope(transaction, options.readOnly, undefined);
    let running: Promise<T>;
    try {
      running = this.#environment.context.run(scope, () => requirePromise(run(), options.name));
    } catch (error) {
      this.#follow(this.#threw(scope, error));
      return;
    }
    running.then(
      (value) => this.#returned(scope, value),
      (error: unknown) => this.#follow(this.#threw(scope, error)),
    );
  }

  #returned(scope: TransactionScope, value: T): void {
    if (this.#answered) return;
    const { transaction } = scope;
    if (isStream(value)) {
      // Whatever it does would happen after the commit.
      const refusal = streamRefusal(this.#work.options.name, value);
      this.#follow(this.#rollBack(transaction, refusal));
      return;
    }
    if (!transaction.isQuiet) {
      this.#follow(this.#prepareAndCommit(scope, { value }));
      return;
    }
    transaction.seal();
    this.#commit(transaction, { value });
  }

  async #threw(scope: TransactionScope, error: unknown): Promise<void> {
    if (this.#answered) return;
    if (alwaysRollsBack(error) || this.#work.options.rollsBackFor(error)) {
      return this.#rollBack(scope.transaction, error);
    }
    return this.#prepareAndCommit(scope, { error });
  }

  async #prepareAndCommit(scope: TransactionScope, answer: Answer<T>): Promise<void> {
    const { transaction } = scope;
    try {
      await transaction.settle();
      await sealForCommit(this.#environment.context, scope);
    } catch (error) {
      return this.#rollBack(transaction, error);
    }
    const mark = transaction.rollbackMarks.first();
    if (mark) return this.#rollBack(transaction, rolledBackBy(mark));
    this.#commit(transaction, answer);
  }

  #commit(transaction: Transaction, answer: Answer<T>): void {
    let committing: CommitResult | Promise<CommitResult>;
    try {
      committing = transaction.sendCommit();
    } catch (error) {
      this.#follow(this.#commitBroke(transaction, error));
      return;
    }
    if ('status' in committing) {
      this.#decided(transaction, answer, committing);
      return;
    }
    committing.then(
      (result) => this.#decided(transaction, answer, result),
      (error: unknown) => this.#follow(this.#resolveCommit(transaction, answer, error)),
    );
  }

  #decided(transaction: Transaction, answer: Answer<T>, result: CommitResult): void {
    if (this.#answered) return;
    const failure = transaction.concludeCommit(result);
    if (failure !== undefined) {
      this.#follow(this.#commitFailed(transaction, failure));
      return;
    }
    this.#environment.events.committed(transaction);
    this.#end();
    if (transaction.hooks !== undefined) this.#follow(this.#answerAfterHooks(transaction, answer));
    else this.#answer(answer);
  }

  async #commitFailed(transaction: Transaction, failure: CommitFailure): Promise<void> {
    await abandon(transaction, failure.error);
    // Where it cannot be settled, the next attempt meets it, and says so.
    if (failure.retryable) await transaction.settleLock().catch(() => undefined);
    if (this.#answered) return;
    if (failure.retryable) await this.#tryAgain(transaction, failure.error);
    else await this.#fail(transaction, failure.error);
  }

  async #resolveCommit(transaction: Transaction, answer: Answer<T>, error: unknown): Promise<void> {
    let result: CommitResult;
    try {
      result = await transaction.resolveCommit(error);
    } catch (broken) {
      return this.#commitBroke(transaction, broken);
    }
    this.#decided(transaction, answer, result);
  }

  /** The commit was not refused by the store: it could not be sent, or its outcome is unknown. */
  async #commitBroke(transaction: Transaction, error: unknown): Promise<void> {
    if (this.#answered) return;
    if (!(error instanceof TransactionOutcomeUnknownError)) await abandon(transaction, error);
    await this.#fail(transaction, error);
  }

  /** C2: whatever went wrong, if the reads are stale the attempt proves nothing. */
  async #rollBack(transaction: Transaction, reason: unknown): Promise<void> {
    let error = reason;
    let stale: DistributedTxError | undefined;
    const { conflict } = transaction;
    if (conflict !== undefined) {
      await abandon(transaction, conflict);
      return this.#answered ? undefined : this.#tryAgain(transaction, conflict);
    }
    const unavailable = transaction.rollbackMarks.first()?.reason;
    if (unavailable instanceof ParticipantUnavailableError) {
      unavailable.cause ??= reason;
      error = unavailable;
    }
    try {
      if (!isInfrastructure(error)) stale = await transaction.validateReads();
    } catch (unreadable) {
      if (unreadable instanceof Error) unreadable.cause ??= reason;
      error = unreadable;
    }
    if (this.#answered) return;
    await abandon(transaction, error);
    if (stale === undefined) return this.#fail(transaction, error);
    stale.cause = error;
    return this.#tryAgain(transaction, stale);
  }

  async #tryAgain(transaction: Transaction, conflict: DistributedTxError): Promise<void> {
    const { events, clock, random } = this.#environment;
    const { retry } = this.#work.options;
    this.#lastConflict = conflict;
    events.conflict(transaction, conflict);
    const isQueued = transaction.waitsForTurn(conflict);
    const delayMs = isQueued ? 0 : backoffDelayMs(this.#attempt, retry, random);
    const outOfTime = clock.now() + delayMs >= this.#until;
    if (this.#attempt >= retry.attempts || outOfTime || this.#work.mayRetry?.() === false) {
      events.gaveUp(transaction, conflict);
      return this.#fail(transaction, conflict);
    }
    events.retried(transaction, delayMs);
    if (!isQueued) await pause(clock, delayMs);
    if (!this.#answered) this.#runAttempt(transaction);
  }

  async #answerAfterHooks(transaction: Transaction, answer: Answer<T>): Promise<void> {
    const environment = this.#environment;
    await environment.context.run(this.#outer, () => runCommitHooks(transaction, environment));
    this.#answer(answer);
  }

  #answer(answer: Answer<T>): void {
    if ('error' in answer) this.#reject(answer.error);
    else this.#resolve(answer.value);
    this.#environment.ended();
  }

  async #fail(transaction: Transaction, error: unknown): Promise<void> {
    if (this.#answered) return;
    this.#end();
    await this.#answerError(transaction, this.#inTime(error));
  }

  /** A store that was asked too late is not to blame. */
  #inTime(error: unknown): unknown {
    if (!(error instanceof AskedTooLateError)) return error;
    return new TransactionTimeoutError(this.#work.options.timeoutMs, { cause: error });
  }

  async #answerError(transaction: Transaction, error: unknown): Promise<void> {
    const { events, context } = this.#environment;
    const { callId, attempt } = transaction;
    if (error instanceof DistributedTxError) error.transaction ??= { callId, attempt };
    if (error instanceof TransactionOutcomeUnknownError) {
      await transaction.close('in_doubt', error);
      events.outcomeUnknown(transaction, error);
    } else {
      events.rolledBack(transaction, error);
    }
    if (transaction.hooks) {
      await context.run(this.#outer, () => runRollbackHooks(transaction, error, this.#environment));
    }
    this.#answer({ error });
  }

  /** C1: the time of the call is over, whatever it is waiting for. */
  #expire(): void {
    if (this.#answered) return;
    this.#end();
    const transaction = this.#transaction;
    const cause = this.#lastConflict;
    const error =
      transaction.commitSent && transaction.status === 'committing'
        ? new TransactionOutcomeUnknownError(transaction.address)
        : new TransactionTimeoutError(this.#work.options.timeoutMs, { cause });
    if (error instanceof TransactionTimeoutError) {
      void abandon(transaction, error);
      if (cause !== undefined) this.#environment.events.gaveUp(transaction, error);
    }
    this.#follow(this.#answerError(transaction, error));
  }

  #end(): void {
    this.#answered = true;
    this.#cancelDeadline();
  }

  /** What none of the steps foresaw still reaches the caller. */
  #follow(step: Promise<void>): void {
    step.catch((error: unknown) => {
      this.#end();
      this.#answer({ error });
    });
  }
}

/** Its own failure to record the roll back changes nothing: an undecided record times out. */
async function abandon(transaction: Transaction, reason: unknown): Promise<void> {
  await transaction.close('rolled_back', reason).catch(() => undefined);
}

/** Refusals of this library roll back, whatever `noRollbackFor` says of others. */
function alwaysRollsBack(error: unknown): boolean {
  return error instanceof TransactionalReturnTypeError || isInfrastructure(error);
}

function isInfrastructure(error: unknown): boolean {
  return (
    error instanceof DistributedTxError &&
    (error.category === 'internal' || error.category === 'outcome-unknown')
  );
}
