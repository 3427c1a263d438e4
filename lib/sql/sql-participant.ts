import {
  ModuleOptionsError,
  ParticipantRefusedError,
  ParticipantUnavailableError,
  ParticipantUsageError,
} from '../errors/index.js';
import type { Branch } from '../participants/branch.js';
import type {
  BranchRecovery,
  Participant,
  ParticipantCapabilities,
  ParticipantEnvironment,
  ParticipantSavepoints,
} from '../participants/participant.js';
import { TransactionContext } from '../transaction/context.js';
import type { Savepoint } from '../transaction/operation-log.js';
import type { TransactionManager } from '../transaction/transaction-manager.js';
import type { Transaction } from '../transaction/transaction.js';
import { inTime, NoAnswerInTimeError } from './in-time.js';
import { SqlBranch, type SqlBranchHost } from './sql-branch.js';
import type { SqlConnection, SqlIsolation } from './sql-connection.js';
import type { DecisionRow, SqlDialect } from './sql-dialect.js';
import { decisionIdOf, globalIdOf, isTableName } from './sql-names.js';
import { deleteExpiredDecisions, endPrepared, finishPrepared } from './sql-recovery.js';

export interface SqlParticipantOptions {
  /** Unique in the application, and the same in all its processes; records name it. */
  readonly name: string;
  /** The table of decisions, perhaps with its schema; see `migration()`. @default 'dtx_decision' */
  readonly table?: string;
  /** @default what the transaction says: `serializable`, or `read-committed`. */
  readonly isolation?: SqlIsolation;
  /** How long a statement waits for a connection, in milliseconds. @default until the transaction ends */
  readonly acquireTimeoutMs?: number;
}

const DEFAULT_TABLE = 'dtx_decision';
const OPEN_TIMEOUT_MS = 10_000;
/** Between the first two attempts to learn a decision; it doubles. */
const FENCE_PAUSE_MS = 20;
const FOREIGN = new TransactionContext();

/**
 * A database that takes part in transactions: the base of every SQL adapter.
 *
 * An adapter
 * 1. implements `SqlConnection` over a connection of its client (`execute` must reject with the error of the
 *    driver, or one that has it as `cause` or `driverError`), and `connect()`, which takes one from the pool;
 * 2. hands out a client of which each statement asks `current()`: undefined means that no transaction runs and
 *    the statement goes to the pool as it always did; otherwise it goes through
 *    `branch.run((connection, text) => connection.client.query(text, ...), text)`.
 *
 * `run` takes the connection and begins at the first statement, runs one statement at a time, places the
 * savepoints of NESTED methods, has the commit wait, and dooms the transaction when the statement fails. Give it the
 * text where it is known, and send the text it gives back: a BEGIN becomes a SAVEPOINT, its COMMIT and ROLLBACK
 * release it or roll back to it; mappers that begin by a call use `branch.begin()`, `.commit()`, `.rollback()`. Each
 * `run` must be one statement: `run` within `run` waits for itself. A client that is handed out, to be given back
 * later, comes from `branch.connection()`; its statements go through `run` with an object of its own as `session`.
 *
 * A transaction, or a method of it, that is `readOnly`: the database is told READ ONLY only if the whole transaction
 * is; a read-only method within one that writes is not guarded in the database.
 */
export abstract class SqlParticipant<C extends SqlConnection> implements Participant {
  readonly name: string;
  readonly savepoints: ParticipantSavepoints;
  protected readonly dialect: SqlDialect;
  readonly #table: string;
  readonly #host: SqlBranchHost<C>;
  readonly #acquireTimeoutMs: number;
  readonly #ofTransaction = new WeakMap<Transaction, SqlBranch<C>>();
  readonly #ofBranch = new WeakMap<Branch, SqlBranch<C>>();
  #manager: TransactionManager | undefined;
  #environment: ParticipantEnvironment | undefined;
  #prepares: boolean;

  /** @throws ModuleOptionsError */
  constructor(dialect: SqlDialect, options: SqlParticipantOptions) {
    const { name, table = DEFAULT_TABLE, isolation, acquireTimeoutMs = Infinity } = options;
    if (!isTableName(table)) {
      throw new ModuleOptionsError(
        `The table of participant ${name} is ${JSON.stringify(table)}; allowed are letters, digits and '_', perhaps ` +
          'after a schema and a dot.',
      );
    }
    if (!(acquireTimeoutMs > 0)) {
      throw new ModuleOptionsError(`acquireTimeoutMs of participant ${name} must be positive.`);
    }
    this.name = name;
    this.dialect = dialect;
    this.#table = table;
    this.#acquireTimeoutMs = acquireTimeoutMs;
    this.#prepares = dialect.twoPhase !== undefined;
    this.#host = {
      name,
      dialect,
      isolation,
      now: () => this.#now(),
      acquire: (until) => this.#acquire(until),
      enlist: (transaction, live) => this.#enlist(transaction, live),
      savepointIn: (transaction) => this.#savepointIn(transaction),
    };
    this.savepoints = {
      rollbackTo: async (branch, savepoint) =>
        this.#ofBranch.get(branch)?.rollbackTo(savepoint as Savepoint),
      release: async (branch, savepoint) =>
        this.#ofBranch.get(branch)?.release(savepoint as Savepoint),
    };
  }

  get capabilities(): ParticipantCapabilities {
    // What was begun to be prepared cannot decide.
    return { decides: this.dialect.twoPhase?.start === undefined, prepares: this.#prepares };
  }

  /** Takes a connection from the pool of the user, with listeners so that its errors crash nobody. */
  protected abstract connect(): Promise<C>;

  /**
   * What the transaction of the calling context does in this database; undefined where none runs. Takes no
   * connection: the first `run` does.
   *
   * @throws ParticipantUsageError in a transaction of an application that does not provide this participant,
   *   TransactionManagerMismatchError in one of another application.
   */
  current(): SqlBranch<C> | undefined {
    const transaction = this.#manager?.current();
    if (transaction === undefined) {
      this.#refuseForeign();
      return undefined;
    }
    let branch = this.#ofTransaction.get(transaction);
    if (branch === undefined) {
      branch = new SqlBranch(this.#host, transaction);
      this.#ofTransaction.set(transaction, branch);
    }
    return branch;
  }

  /** @internal Called when an application provides it. @throws ModuleOptionsError for a second one. */
  bindTo(manager: TransactionManager): void {
    if (this.#manager !== undefined && this.#manager !== manager) {
      throw new ModuleOptionsError(
        `Participant ${this.name} belongs to another application already. Give each application one of its own.`,
      );
    }
    this.#manager = manager;
  }

  /** What creates the table of decisions; make it part of the migrations of the database. */
  migration(): string {
    return this.dialect.migration(this.#table);
  }

  /** @throws ModuleOptionsError where the table is missing, ParticipantUnavailableError */
  async open(environment: ParticipantEnvironment): Promise<void> {
    this.#environment = environment;
    await this.#onFreshConnection(environment.now() + OPEN_TIMEOUT_MS, async (connection) => {
      if (this.capabilities.decides) await this.#requireTable(connection);
      if (this.#prepares) this.#prepares = await this.canPrepare(connection);
    });
  }

  /** @internal */
  async prepare(branch: Branch, until: number): Promise<void> {
    await this.#live(branch).prepare(until);
  }

  /** @internal */
  async commit(branch: Branch, until: number): Promise<void> {
    await this.#finish(branch, until, 'committed');
  }

  /** @internal */
  async rollback(branch: Branch, until: number): Promise<void> {
    const live = this.#ofBranch.get(branch);
    const mayBePrepared = live === undefined ? this.#prepares : live.prepareSent;
    if (live !== undefined && !live.isPrepared) await live.end(until);
    if (!mayBePrepared) return;
    await this.#finish(branch, until, 'rolled_back');
  }

  /** @internal */
  async decide(branch: Branch, until: number): Promise<void> {
    const insert = (): string =>
      this.dialect.insertDecision(
        this.#table,
        this.#rowOf(branch),
        branch.transaction.address.deadlineAtMs + this.#settings.marginMs,
      );
    await this.#live(branch).commitWith(insert, until);
  }

  /** @internal Asks again while the database cannot be reached: it alone knows. */
  async fence(branch: Branch, until: number): Promise<'committed' | 'rolled_back'> {
    const row = this.#rowOf(branch);
    for (let pauseMs = FENCE_PAUSE_MS; ; pauseMs *= 2) {
      try {
        return await this.#onFreshConnection(until, (one) => this.#fenceOn(one, row, until));
      } catch (error) {
        const isLost = error instanceof ParticipantUnavailableError;
        if (!isLost || this.#now() + pauseMs >= until) throw error;
      }
      await new Promise<void>((resolve) => setTimeout(resolve, pauseMs));
    }
  }

  /** @internal */
  async recover(recovery: BranchRecovery): Promise<void> {
    await this.#onFreshConnection(recovery.until, async (connection) => {
      const given = { name: this.name, dialect: this.dialect, table: this.#table, connection };
      if (this.#prepares) await finishPrepared(given, recovery);
      if (this.capabilities.decides) await deleteExpiredDecisions(given, recovery);
    });
  }

  /** Whether the server lets transactions be prepared. Asked once, when the application starts. */
  protected async canPrepare(_connection: C): Promise<boolean> {
    return true;
  }

  get #settings(): ParticipantEnvironment {
    if (this.#environment !== undefined) return this.#environment;
    throw new ParticipantUsageError(
      `Participant ${this.name} is used before the application has started.`,
    );
  }

  #now(): number {
    return this.#environment?.now() ?? performance.now();
  }

  #live(branch: Branch): SqlBranch<C> {
    const live = this.#ofBranch.get(branch);
    if (live !== undefined) return live;
    throw new ParticipantUsageError(
      `Participant ${this.name} enlists itself with its first statement; do not enlist() it by hand.`,
    );
  }

  #enlist(transaction: Transaction, live: SqlBranch<C>): Branch {
    const branch = transaction.enlist(this);
    this.#ofBranch.set(branch, live);
    return branch;
  }

  #savepointIn(transaction: Transaction): Savepoint | undefined {
    const scope = this.#manager?.scope();
    return scope?.transaction === transaction ? scope.savepoint : undefined;
  }

  #refuseForeign(): void {
    if (this.#manager !== undefined) {
      this.#manager.refuseForeign(`Participant ${this.name}`);
      return;
    }
    const foreign = FOREIGN.foreign();
    if (foreign === undefined) return;
    throw new ParticipantUsageError(
      `Participant ${this.name} is used in transaction ${foreign.id}, but no application that has started provides ` +
        'it. Make it a provider of a module; it is found when the application starts (app.init, app.listen).',
    );
  }

  async #requireTable(connection: C): Promise<void> {
    try {
      await connection.execute(this.dialect.probe(this.#table));
    } catch (cause) {
      if (!this.dialect.isMissingTable(cause)) throw cause;
      throw new ModuleOptionsError(
        `The database of participant ${this.name} has no table ${this.#table}. Create it:\n${this.migration()}`,
        { cause },
      );
    }
  }

  #rowOf(branch: Branch): DecisionRow {
    const { marginMs, retentionMs } = this.#settings;
    const { deadlineAtMs } = branch.transaction.address;
    return {
      id: decisionIdOf(branch.transaction),
      expiresAtMs: deadlineAtMs + marginMs + retentionMs,
    };
  }

  async #fenceOn(
    connection: C,
    row: DecisionRow,
    until: number,
  ): Promise<'committed' | 'rolled_back'> {
    const { dialect } = this;
    const timeoutMs = Math.max(1, until - this.#now());
    await connection.begin(dialect.beginFence(timeoutMs), {
      isolation: 'read-committed',
      readOnly: false,
      timeoutMs,
    });
    await connection.execute(dialect.insertFence(this.#table, row));
    const [found] = await connection.execute(dialect.selectOutcome(this.#table, row.id));
    // Only once it stands, nobody can commit any more.
    await connection.commit([]);
    for (const statement of dialect.endFence) await connection.execute(statement);
    if (found?.['outcome'] === 'c') return 'committed';
    if (found?.['outcome'] === 'r') return 'rolled_back';
    throw new ParticipantRefusedError(`${this.#table} of ${this.name} has no row ${row.id}.`);
  }

  /** Ends what is prepared, whoever did it. */
  async #finish(
    branch: Branch,
    until: number,
    outcome: 'committed' | 'rolled_back',
  ): Promise<void> {
    const { twoPhase } = this.dialect;
    if (twoPhase === undefined) return;
    const end = { globalId: globalIdOf(branch), outcome };
    const finish = async (connection: C): Promise<void> => {
      if (await endPrepared(connection, twoPhase, end)) return;
      throw this.#unavailable('still holds what it has prepared on another connection', undefined);
    };
    const live = this.#ofBranch.get(branch);
    const own = live?.takePrepared();
    if (own === undefined) {
      await live?.end(until);
      return this.#onFreshConnection(until, finish);
    }
    try {
      await inTime(finish(own), until - this.#now(), 'What was prepared');
    } finally {
      await live!.end(until);
    }
  }

  async #onFreshConnection<T>(until: number, work: (connection: C) => Promise<T>): Promise<T> {
    const connection = await this.#acquire(until);
    let succeeded = false;
    try {
      const value = await inTime(work(connection), until - this.#now(), `Participant ${this.name}`);
      succeeded = true;
      return value;
    } catch (error) {
      if (this.dialect.kindOf(error) !== 'unavailable') throw error;
      throw this.#unavailable('does not answer', error);
    } finally {
      await connection.release(!succeeded);
    }
  }

  /** A connection that comes too late is given back. */
  async #acquire(until: number): Promise<C> {
    let late = false;
    const connecting = this.connect();
    connecting.then(
      (connection) => (late ? connection.release(false) : undefined),
      () => undefined,
    );
    const leftMs = Math.min(until - this.#now(), this.#acquireTimeoutMs);
    try {
      return await inTime(connecting, leftMs, 'The wait for a connection');
    } catch (cause) {
      late = true;
      const isWait = cause instanceof NoAnswerInTimeError;
      throw this.#unavailable(isWait ? 'has no connection to spare' : 'cannot be reached', cause);
    }
  }

  #unavailable(what: string, cause: unknown): ParticipantUnavailableError {
    const why = cause instanceof Error ? `: ${cause.message}` : '';
    return new ParticipantUnavailableError(`Participant ${this.name} ${what}${why}`, { cause });
  }
}
