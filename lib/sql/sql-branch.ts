import { setImmediate as immediately } from 'node:timers/promises';
import {
  DistributedTxError,
  ParticipantConflictError,
  ParticipantUnavailableError,
  ParticipantUsageError,
} from '../errors/index.js';
import type { Branch } from '../participants/branch.js';
import type { Savepoint } from '../transaction/operation-log.js';
import type { Transaction } from '../transaction/transaction.js';
import { BranchFailures } from './branch-failures.js';
import { changesSession, controlOf } from './control-text.js';
import { inTime } from './in-time.js';
import { StatementControl } from './statement-control.js';
import { SavepointStack, type StatementOrigin } from './savepoint-stack.js';
import { StatementQueue } from './statement-queue.js';
import type { SqlBegin, SqlConnection, SqlIsolation } from './sql-connection.js';
import type { SqlDialect } from './sql-dialect.js';
import { globalIdOf } from './sql-names.js';

/** What a branch needs of its participant. */
export interface SqlBranchHost<C extends SqlConnection> {
  readonly name: string;
  readonly dialect: SqlDialect;
  /** Undefined: as the transaction says. */
  readonly isolation: SqlIsolation | undefined;
  now(): number;
  /** @throws ParticipantUnavailableError when none can be had before `until`. */
  acquire(until: number): Promise<C>;
  enlist(transaction: Transaction, live: SqlBranch<C>): Branch;
  /** The savepoint that is current in the calling context. */
  savepointIn(transaction: Transaction): Savepoint | undefined;
}

/** A roll back that is asked for too late may still take this long, before the connection is destroyed for it. */
const ROLLBACK_GRACE_MS = 100;

/** @param statement The text to send: what was given to `run`, or what has to be sent instead of it. */
export type SqlWork<C, T> = (connection: C, statement: string) => Promise<T>;

/**
 * What one transaction does in one database: a connection, begun at the first statement, on which one
 * statement runs at a time.
 *
 * B1 A statement that failed is never committed around: it dooms the transaction, unless it ran within a
 *    savepoint (of a NESTED method, or asked for by hand) that is rolled back.
 * B2 After the database has ended the transaction, nothing more is sent on its connection but a roll back:
 *    it would be committed by itself.
 */
export class SqlBranch<C extends SqlConnection> {
  readonly #host: SqlBranchHost<C>;
  readonly #transaction: Transaction;
  readonly #stack = new SavepointStack();
  readonly #queue = new StatementQueue();
  readonly #control: StatementControl;
  readonly #failures: BranchFailures;
  #branch: Branch | undefined;
  #connection: C | undefined;
  #state: 'open' | 'prepared' | 'ended' = 'open';
  #ranUntilEnd: DistributedTxError | undefined;
  #broken = false;
  #sessionChanged = false;
  #prepareSent = false;

  constructor(host: SqlBranchHost<C>, transaction: Transaction) {
    this.#host = host;
    this.#transaction = transaction;
    this.#failures = new BranchFailures(host.name, host.dialect, transaction.id);
    this.#control = new StatementControl(host, this.#stack, (error, scope) =>
      transaction.failBranch(error, scope, false),
    );
  }

  /** The transaction that it belongs to. */
  get transaction(): Transaction {
    return this.#transaction;
  }

  /**
   * Runs one statement of the user on the connection of the transaction, after those that were given before;
   * begins there if it is the first. The commit waits for it. Do not call `run` within `work`: it would wait
   * for itself.
   *
   * @param work Sends the statement it is given, and resolves when the connection is free for the next one.
   * @param statement The text, where the client knows one: transaction control in it is refused, or becomes a
   *   savepoint.
   * @param session Stands for the client of the pool that the user holds, where he may hold more than one at a
   *   time: COMMIT and ROLLBACK end the BEGIN of their own session.
   * @throws TransactionClosedError, ParticipantUsageError, ParticipantUnavailableError, ParticipantConflictError
   *   when the database has ended the transaction before; and the error of the driver as it is, after which
   *   the transaction is rolled back.
   */
  run<T>(work: SqlWork<C, T>, statement = '', session?: object): Promise<T> {
    return this.#whileOpen((origin) => this.#runNow(work, statement, origin), session);
  }

  /**
   * The connection of the transaction, begun if it was not; for a client that is handed out and makes a `run` of
   * each of its statements. The commit leaves it the time to make the first one, even where nobody awaits it.
   * Rejects as `run` does.
   */
  connection(): Promise<C> {
    return this.#whileOpen(async (origin) => {
      this.#assertUsable(origin.scope);
      try {
        const connection = await this.#open();
        void this.#transaction.track(immediately());
        return connection;
      } catch (error) {
        this.#fail(error, origin);
        throw error;
      }
    });
  }

  /** A transaction within this one, as a savepoint; for mappers that begin by a call and not by a statement. */
  begin(session?: object): Promise<void> {
    return this.#runControl('BEGIN', session);
  }

  /** Ends what `begin` began, and keeps its work. */
  commit(session?: object): Promise<void> {
    return this.#runControl('COMMIT', session);
  }

  /** Undoes what was done since `begin`. */
  rollback(session?: object): Promise<void> {
    return this.#runControl('ROLLBACK', session);
  }

  /** @internal Commits, and this row with it. Answers that prove that it did not happen become ours. */
  async commitWith(insert: (branch: Branch) => string, until: number): Promise<void> {
    const connection = await this.#readyToEnd(until);
    // A transaction that only reads cannot insert, and has nothing that could be lost.
    const inserts = this.#transaction.options.readOnly ? [] : [insert(this.#branch!)];
    try {
      const commit = this.#queue.send(() => connection.commit(inserts));
      await inTime(commit, until - this.#host.now(), 'The commit');
    } catch (error) {
      // What may have happened is asked for on another connection, and must not hold anything by then.
      if (!this.#host.dialect.provesNoCommit(error)) await this.#release(true);
      throw this.#failures.refusalOf(error);
    }
    await this.#release(this.#sessionChanged);
  }

  /** @internal */
  async prepare(until: number): Promise<void> {
    const twoPhase = this.#host.dialect.twoPhase!;
    const connection = await this.#readyToEnd(until);
    const globalId = globalIdOf(this.#branch!);
    this.#prepareSent = true;
    try {
      const steps = async (): Promise<void> => {
        for (const statement of twoPhase.prepare(globalId)) await connection.execute(statement);
        if (twoPhase.probe === undefined) return;
        const found = await connection.execute(twoPhase.probe(globalId));
        if (found.length === 0) throw this.#failures.refused('was in a failed transaction');
      };
      await inTime(
        this.#queue.send(steps),
        until - this.#host.now(),
        'The statement that prepares',
      );
    } catch (error) {
      this.#broken = !this.#host.dialect.provesNoCommit(error);
      throw this.#failures.voteOf(error);
    }
    this.#state = 'prepared';
    if (!twoPhase.keepsConnection) await this.#release(this.#sessionChanged);
  }

  /** @internal What was prepared may still be with this connection, which alone can end it then. */
  takePrepared(): C | undefined {
    return this.#state === 'prepared' && this.#queue.isIdle ? this.#connection : undefined;
  }

  /** @internal Lets go of the connection; what is not prepared on it ends with it. */
  async end(until: number): Promise<void> {
    const idle = await this.#queue.settled(() => until - this.#host.now());
    const wasOpen = this.#state === 'open';
    this.#state = 'ended';
    if (this.#connection === undefined) return;
    const canAnswer = idle && !this.#broken && this.#queue.isIdle;
    if (!wasOpen || !canAnswer) {
      await this.#release(!canAnswer || this.#sessionChanged);
      this.#queue.cutOff(this.#failures.closed());
      return;
    }
    try {
      const leftMs = Math.max(until - this.#host.now(), ROLLBACK_GRACE_MS);
      await inTime(this.#abandon(this.#connection), leftMs, 'The roll back');
      await this.#release(this.#sessionChanged);
    } catch {
      await this.#release(true);
    }
  }

  /** @internal Something may be prepared in the database. */
  get prepareSent(): boolean {
    return this.#prepareSent;
  }

  /** @internal */
  get isPrepared(): boolean {
    return this.#state === 'prepared';
  }

  /** @internal Never rejects: what cannot be undone dooms the transaction. */
  rollbackTo(scope: Savepoint): Promise<void> {
    return this.#endScope(scope, async (connection) => {
      const overtaken = await this.#control.rollbackScope(connection, scope);
      if (!overtaken) return;
      const error = new ParticipantUsageError(
        `A nested method of transaction ${this.#transaction.id} was rolled back while a method around it ran ` +
          `statements on ${this.#host.name}, which were lost with it; the whole transaction is rolled back. Await ` +
          'nested methods before the next statement.',
      );
      this.#transaction.failBranch(error, scope.parent, false);
    });
  }

  /** @internal Never rejects. */
  release(scope: Savepoint): Promise<void> {
    return this.#endScope(scope, (connection) => this.#control.releaseScope(connection, scope));
  }

  async #endScope(scope: Savepoint, work: (connection: C) => Promise<void>): Promise<void> {
    await this.#queue.enqueue(async () => {
      const connection = this.#connection;
      if (connection === undefined || this.#ranUntilEnd || this.#state !== 'open') return;
      try {
        await this.#queue.send(() => work(connection));
      } catch (error) {
        this.#fail(error, { scope: scope.parent, session: undefined });
      }
    });
  }

  async #runControl(statement: string, session: object | undefined): Promise<void> {
    const send: SqlWork<C, unknown> = (connection, text) => connection.execute(text);
    await this.run(send, statement, session);
  }

  /** In its turn, and waited for by the commit. */
  #whileOpen<T>(work: (origin: StatementOrigin) => Promise<T>, session?: object): Promise<T> {
    try {
      this.#transaction.assertOpen();
    } catch (error) {
      return Promise.reject(error as Error);
    }
    const origin = { scope: this.#host.savepointIn(this.#transaction), session };
    return this.#transaction.track(this.#queue.enqueue(() => work(origin)));
  }

  async #runNow<T>(work: SqlWork<C, T>, statement: string, origin: StatementOrigin): Promise<T> {
    this.#assertUsable(origin.scope);
    try {
      const control = this.#controlIn(statement);
      const connection = await this.#open();
      this.#assertUsable(origin.scope);
      await this.#queue.send(() => this.#control.enter(connection, origin, control));
      if (changesSession(statement)) this.#sessionChanged = true;
      return await this.#queue.send(() =>
        control === undefined
          ? work(connection, statement)
          : this.#control.run({ control, statement, connection, origin }, (text) =>
              work(connection, text),
            ),
      );
    } catch (error) {
      this.#fail(error, origin);
      throw error;
    }
  }

  /** @throws ParticipantUsageError */
  #controlIn(statement: string): ReturnType<typeof controlOf> {
    if (this.#host.dialect.commitsSilently(statement)) {
      throw new ParticipantUsageError(
        `A statement that ${this.#host.dialect.database} commits by itself was refused in transaction ` +
          `${this.#transaction.id}: ${JSON.stringify(statement.slice(0, 60))}. Run it outside of transactions.`,
      );
    }
    return controlOf(statement);
  }

  async #open(): Promise<C> {
    if (this.#connection !== undefined) return this.#connection;
    const { dialect } = this.#host;
    const { until, options } = this.#transaction;
    this.#branch ??= this.#host.enlist(this.#transaction, this);
    const start = dialect.twoPhase?.start;
    if (start !== undefined) await this.#transaction.nameBranch(this.#branch);
    const connection = await this.#host.acquire(until);
    const begin: SqlBegin = {
      isolation: this.#host.isolation ?? options.isolation,
      readOnly: options.readOnly,
      timeoutMs: Math.max(1, until - this.#host.now()),
    };
    const statements = start?.(globalIdOf(this.#branch), begin) ?? dialect.begin(begin);
    try {
      if (this.#state === 'ended') throw this.#failures.closed();
      await this.#queue.send(() =>
        inTime(connection.begin(statements, begin), begin.timeoutMs, 'The begin'),
      );
    } catch (error) {
      await connection.release(true);
      throw this.#failures.voteOf(error);
    }
    if (this.#isEnded()) {
      await connection.release(true);
      throw this.#failures.closed();
    }
    this.#connection = connection;
    return connection;
  }

  /** It may have ended while a step was awaited. */
  #isEnded(): boolean {
    return this.#state === 'ended';
  }

  /** B1, B2 */
  #fail(error: unknown, origin: StatementOrigin): void {
    const { scope } = origin;
    if (scope?.isRolledBack) return;
    const kind = this.#host.dialect.kindOf(error);
    const isOurs = error instanceof DistributedTxError;
    if (isOurs || kind === 'other') {
      if (!this.#control.recordFailure(error, origin)) {
        this.#transaction.failBranch(error, scope, error instanceof ParticipantConflictError);
      }
      return;
    }
    if (kind === 'unavailable') this.#broken = true;
    this.#ranUntilEnd ??= this.#failures.ended(kind, error);
    const told = kind === 'unavailable' ? this.#ranUntilEnd : error;
    this.#transaction.failBranch(told, undefined, kind === 'conflict');
  }

  /** Nothing runs any more, and everything that ran may be committed. */
  async #readyToEnd(until: number): Promise<C> {
    if (!(await this.#queue.settled(() => until - this.#host.now()))) {
      throw new ParticipantUnavailableError(
        `Statements of transaction ${this.#transaction.id} on ${this.#host.name} still run. Nothing was written.`,
      );
    }
    if (this.#ranUntilEnd) throw this.#ranUntilEnd;
    if (this.#state !== 'open') throw this.#failures.closed();
    this.#control.assertCommittable();
    return this.#open();
  }

  async #abandon(connection: C): Promise<void> {
    const { twoPhase } = this.#host.dialect;
    if (twoPhase?.start === undefined) return connection.rollback();
    const statements = twoPhase.abandon(globalIdOf(this.#branch!));
    // After a deadlock the first of them fails, and the last one is needed all the more.
    const results = await Promise.allSettled(statements.map((one) => connection.execute(one)));
    const last = results.at(-1);
    if (last?.status === 'rejected' && !twoPhase.isUnknown(last.reason)) throw last.reason;
  }

  async #release(broken: boolean): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    if (this.#state === 'open') this.#state = 'ended';
    await connection?.release(broken || this.#broken);
  }

  #assertUsable(scope: Savepoint | undefined): void {
    this.#transaction.assertOpen();
    if (this.#ranUntilEnd) throw this.#ranUntilEnd;
    if (this.#state !== 'open' || scope?.isRolledBack) throw this.#failures.closed();
  }
}
