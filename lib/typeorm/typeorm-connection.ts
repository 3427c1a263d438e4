import type { QueryRunner } from 'typeorm';
import type { SqlConnection, SqlRow } from '../sql/index.js';

/** What query runners have beside what their types say. */
interface DriverQueryRunner extends QueryRunner {
  /** Of PostgreSQL: an error has the pool destroy the connection. */
  releasePostgresConnection?(error?: Error): Promise<void>;
}

/** Of mysql2. */
interface Destroyable {
  readonly threadId?: unknown;
  readonly stream?: { readonly localPort?: unknown };
  destroy(): void;
}

/** Ends what a connection, known by the port it came from, does on the server. */
export type Kill = (threadId: number, port: number) => Promise<unknown>;

/** A query runner of TypeORM with a connection of its own, for one branch. */
export class TypeOrmConnection implements SqlConnection {
  readonly #runner: DriverQueryRunner;
  readonly #connection: unknown;
  readonly #kill: Kill;

  /** @param kill Ends a statement of MySQL that waits, and would not notice that its connection is gone. */
  static async take(runner: QueryRunner, kill: Kill): Promise<TypeOrmConnection> {
    return new TypeOrmConnection(runner, await runner.connect(), kill);
  }

  private constructor(runner: DriverQueryRunner, connection: unknown, kill: Kill) {
    this.#runner = runner;
    this.#connection = connection;
    this.#kill = kill;
  }

  /** The runner itself, for one statement. */
  get runner(): QueryRunner {
    // TypeORM releases the runner of a connection that is lost, and its complaint would not say why.
    if (!this.#runner.isReleased) return this.#runner;
    throw new Error('Connection terminated unexpectedly');
  }

  async execute(statement: string): Promise<readonly SqlRow[]> {
    const rows: unknown = await this.runner.query(statement);
    return Array.isArray(rows) ? (rows as SqlRow[]) : [];
  }

  async begin(statements: readonly string[]): Promise<void> {
    await this.#executeAll(statements);
  }

  async commit(statements: readonly string[]): Promise<void> {
    await this.#executeAll([...statements, 'COMMIT']);
  }

  async rollback(): Promise<void> {
    await this.execute('ROLLBACK');
  }

  async release(broken: boolean): Promise<void> {
    try {
      if (broken) await this.#destroy();
      else await this.#runner.release();
    } catch {
      // There is nothing left to give back.
    }
  }

  /** PostgreSQL takes them in one message, and skips what follows a statement that fails. */
  async #executeAll(statements: readonly string[]): Promise<void> {
    if (this.#isPostgres) await this.execute(statements.join('; '));
    else for (const statement of statements) await this.execute(statement);
  }

  async #destroy(): Promise<void> {
    if (this.#isPostgres) {
      await this.#runner.releasePostgresConnection!(new Error('Destroyed'));
      return;
    }
    const connection = this.#connection as Destroyable;
    const { threadId, stream } = connection;
    const port = stream?.localPort;
    connection.destroy();
    await this.#runner.release();
    // Nobody waits for it: without connections to spare it may take its time.
    if (typeof threadId === 'number' && typeof port === 'number') {
      this.#kill(threadId, port).catch(() => undefined);
    }
  }

  get #isPostgres(): boolean {
    return this.#runner.releasePostgresConnection !== undefined;
  }
}
