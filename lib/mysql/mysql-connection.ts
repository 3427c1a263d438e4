import type { EventEmitter } from 'node:events';
import type { Pool, PoolConnection, RowDataPacket } from 'mysql2/promise';
import { killMysqlConnection } from '../sql/mysql-kill.js';
import type { SqlConnection, SqlRow } from '../sql/sql-connection.js';

/** What lies below a connection of promises. */
type Core = EventEmitter & { readonly stream?: { readonly localPort?: number } };

/** Connections that have a listener already: what they say is heard by the statement that waits. */
const quiet = new WeakSet<Core>();

/** A connection of the user's pool, for one branch. */
export class MysqlConnection implements SqlConnection {
  readonly #pool: Pool;
  readonly #localPort: number | undefined;

  constructor(
    readonly connection: PoolConnection,
    pool: Pool,
  ) {
    this.#pool = pool;
    const core = connection.connection as unknown as Core;
    this.#localPort = core.stream?.localPort;
    // Without a listener the process would end.
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

  release(broken: boolean): Promise<void> {
    if (!broken) {
      this.connection.release();
      return Promise.resolve();
    }
    const { threadId } = this.connection;
    this.connection.destroy();
    // Nobody waits for it: without connections to spare it may take its time.
    this.#kill(threadId).catch(() => undefined);
    return Promise.resolve();
  }

  async #kill(threadId: unknown): Promise<void> {
    const port = this.#localPort;
    if (!Number.isSafeInteger(threadId) || !Number.isSafeInteger(port)) return;
    const ask = async (statement: string): Promise<readonly SqlRow[]> =>
      (await this.#pool.query<RowDataPacket[]>(statement))[0];
    await killMysqlConnection(ask, threadId as number, port as number);
  }
}
