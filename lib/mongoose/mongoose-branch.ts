import type { mongo } from 'mongoose';
import {
  DistributedTxError,
  ParticipantConflictError,
  ParticipantRefusedError,
  ParticipantUnavailableError,
  ParticipantUsageError,
  TransactionClosedError,
} from '../errors/index.js';
import { messageOf } from '../errors/message-of.js';
import type { Savepoint } from '../transaction/operation-log.js';
import type { Transaction } from '../transaction/transaction.js';
import { inTime } from '../sql/in-time.js';
import { StatementQueue } from '../sql/statement-queue.js';
import { isConflict, isFromServer, isUnavailable, provesNoCommit } from './mongo-error.js';

export interface MongooseBranchHost {
  readonly name: string;
  now(): number;
  /** Begins nothing on the server: the first operation does. */
  startSession(): mongo.ClientSession;
  enlist(transaction: Transaction, live: MongooseBranch): void;
  savepointIn(transaction: Transaction): Savepoint | undefined;
}

const ABORT_GRACE_MS = 100;

/** What one transaction does in MongoDB: a session, on which one operation runs at a time. */
export class MongooseBranch {
  readonly #host: MongooseBranchHost;
  readonly #transaction: Transaction;
  readonly #queue = new StatementQueue();
  /** Nested methods that have written. */
  readonly #writers = new Set<Savepoint>();
  #session: mongo.ClientSession | undefined;
  #failure: DistributedTxError | undefined;
  #isEnded = false;

  constructor(host: MongooseBranchHost, transaction: Transaction) {
    this.#host = host;
    this.#transaction = transaction;
  }

  /** @throws TransactionClosedError */
  session(): mongo.ClientSession {
    this.#transaction.assertOpen();
    if (this.#session === undefined) {
      this.#host.enlist(this.#transaction, this);
      this.#session = this.#host.startSession();
      this.#session.startTransaction({
        readConcern: { level: 'snapshot' },
        writeConcern: { w: 'majority' },
        readPreference: 'primary',
      });
    }
    return this.#session;
  }

  /** It was given to the user, by `connection.transaction()`. */
  isOwn(session: unknown): boolean {
    return session === this.#session;
  }

  /**
   * Runs one operation after those before it; the commit waits for it.
   *
   * @throws TransactionClosedError, ParticipantUsageError, and the error of the driver as it is, after which the
   *   transaction is rolled back.
   */
  run<T>(work: (session: mongo.ClientSession) => Promise<T>, writes: boolean): Promise<T> {
    const scope = this.#host.savepointIn(this.#transaction);
    let session: mongo.ClientSession;
    try {
      session = this.session();
    } catch (error) {
      return Promise.reject(error as Error);
    }
    const result = this.#queue.enqueue(async () => {
      try {
        this.#assertUsable(scope);
        if (writes) this.#noteWrite(scope);
        return await this.#queue.send(() => work(session));
      } catch (error) {
        this.#fail(error, scope);
        throw error;
      }
    });
    return this.#transaction.track(result);
  }

  /** What cannot be undone alone dooms the transaction. */
  doom(what: string, scope: Savepoint | undefined): void {
    const error = new ParticipantUsageError(
      `${what} of transaction ${this.#transaction.id} failed after it had written to ${this.#host.name}; MongoDB has no ` +
        'savepoints, so the whole transaction is rolled back. Let the failure end the transaction, or use REQUIRES_NEW.',
    );
    this.#transaction.failBranch(error, scope, false);
  }

  /** A transaction of mongoose within this one. */
  async join<T>(work: (session: mongo.ClientSession) => Promise<T>): Promise<T> {
    const scope = this.#host.savepointIn(this.#transaction);
    try {
      return await work(this.session());
    } catch (error) {
      this.doom('connection.transaction()', scope);
      throw error;
    }
  }

  async rollbackTo(scope: Savepoint): Promise<void> {
    await this.#queue.enqueue(async () => {
      const hasWritten = [...this.#writers].some((writer) => writer.isWithin(scope));
      if (hasWritten) this.doom('A nested method', scope.parent);
    });
  }

  /** @param insert Of the decision; commits it with the rest. */
  async commitWith(
    insert: (session: mongo.ClientSession) => Promise<void>,
    until: number,
  ): Promise<void> {
    const session = await this.#readyToEnd(until);
    try {
      // A transaction that only reads has nothing that could be lost.
      if (!this.#transaction.options.readOnly) {
        const inserted = this.#queue.send(() => insert(session));
        await inTime(inserted, until - this.#host.now(), 'The decision');
      }
    } catch (error) {
      throw this.#voteOf(error);
    }
    try {
      const commit = this.#queue.send(() => session.commitTransaction());
      await inTime(commit, until - this.#host.now(), 'The commit');
    } catch (error) {
      throw provesNoCommit(error) ? this.#voteOf(error) : error;
    }
    this.#isEnded = true;
    await session.endSession().catch(() => undefined);
  }

  /** Ends the session, and what it has not committed. */
  async end(until: number): Promise<void> {
    await this.#queue.settled(() => until - this.#host.now());
    if (this.#isEnded) return;
    this.#isEnded = true;
    const session = this.#session;
    if (session === undefined) return;
    const ended = (async () => {
      if (session.inTransaction()) await session.abortTransaction();
      await session.endSession();
    })();
    const leftMs = Math.max(until - this.#host.now(), ABORT_GRACE_MS);
    await inTime(ended, leftMs, 'The roll back').catch(() => undefined);
    if (!this.#queue.isIdle) this.#queue.cutOff(this.#closed());
  }

  async #readyToEnd(until: number): Promise<mongo.ClientSession> {
    if (!(await this.#queue.settled(() => until - this.#host.now()))) {
      throw new ParticipantUnavailableError(
        `Operations of transaction ${this.#transaction.id} on ${this.#host.name} still run. Nothing was written.`,
      );
    }
    if (this.#failure) throw this.#failure;
    if (this.#isEnded || this.#session === undefined) throw this.#closed();
    return this.#session;
  }

  #noteWrite(scope: Savepoint | undefined): void {
    if (this.#transaction.options.readOnly) {
      throw new ParticipantUsageError(
        `Transaction ${this.#transaction.id} is read-only, and writes to ${this.#host.name}. Nothing was written.`,
      );
    }
    if (scope !== undefined) this.#writers.add(scope);
  }

  /** MongoDB ends a transaction with its first error. */
  #fail(error: unknown, scope: Savepoint | undefined): void {
    if (error instanceof DistributedTxError) {
      if (error !== this.#failure) this.#transaction.failBranch(error, scope, false);
      return;
    }
    const conflict = isConflict(error);
    const isOver = conflict || isUnavailable(error) || isFromServer(error);
    if (isOver) this.#failure ??= this.#voteOf(error);
    this.#transaction.failBranch(error, isOver ? undefined : scope, conflict);
  }

  /** Of an error before the commit. */
  #voteOf(error: unknown): DistributedTxError {
    if (error instanceof DistributedTxError) return error;
    const work = `The work of transaction ${this.#transaction.id} on ${this.#host.name}`;
    const text = `${work} was ended: ${messageOf(error)}. Nothing was written.`;
    if (isConflict(error)) return new ParticipantConflictError(text, { cause: error });
    if (isFromServer(error)) return new ParticipantRefusedError(text, { cause: error });
    return new ParticipantUnavailableError(text, { cause: error });
  }

  #assertUsable(scope: Savepoint | undefined): void {
    this.#transaction.assertOpen();
    if (this.#failure) throw this.#failure;
    if (this.#isEnded || scope?.isRolledBack) throw this.#closed();
  }

  #closed(): TransactionClosedError {
    return new TransactionClosedError(
      `The work of transaction ${this.#transaction.id} on ${this.#host.name} has ended; it takes no more operations. ` +
        'Await everything before the method returns.',
    );
  }
}
