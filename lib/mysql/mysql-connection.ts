import type { Connection, Pool, PoolConnection } from 'mysql2/promise';
import type { SqlConnection, SqlRow } from '../sql/sql-connection.js';

/** Connections that have a listener already: what they say is heard by the statement that waits. */
const quiet = new WeakSet<object>();

/** A connection of the user's pool, for one branch. */
export class MysqlConnection implements SqlConnection {
  readonly #pool: Pool;

  constructor(
    readonly connection: PoolConnection,
    pool: Pool,
  ) {
    this.#pool = pool;
    // Without a listener the process would end.
    const core = (connection as { connection: Connection }).connection;
    if (quiet.has(core)) return;
    quiet.add(core);
    core.on('error', () => undefined);
  }

  async execute(statement: string): Promise<readonly SqlRow[]> {
    const [rows] = await this.connection.query(statement);
    return Array.isArray(rows) ? (rows as SqlRow[]) : [];
  }

  async begin(statements: readonly string[]): Promise<void> {
    for (const statement of statements) await this.connection.query(statement);
  }

  async commit(statements: readonly string[]): Promise<void> {
    for (const statement of [...statements, 'COMMIT']) await this.connection.query(statement);
  }

  async rollback(): Promise<void> {
    await this.connection.query('ROLLBACK');
  }

  /** A statement that waits for a lock notices only when it is killed that nobody waits for it. */
  release(broken: boolean): Promise<void> {
    if (!broken) {
      this.connection.release();
      return Promise.resolve();
    }
    const { threadId } = this.connection;
    this.connection.destroy();
    if (Number.isSafeInteger(threadId)) {
      this.#pool.query(`KILL ${threadId}`).catch(() => undefined);
    }
    return Promise.resolve();
  }
}
