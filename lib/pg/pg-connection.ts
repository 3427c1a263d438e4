import type { PoolClient } from 'pg';
import type { SqlConnection, SqlRow } from '../sql/sql-connection.js';

/** A client of the user's pool, for one branch. */
export class PgConnection implements SqlConnection {
  /** The query that waits hears of it; without a listener the process would end. */
  readonly #onError = (): void => undefined;

  constructor(readonly client: PoolClient) {
    client.on('error', this.#onError);
  }

  async execute(statement: string): Promise<readonly SqlRow[]> {
    const { rows } = await this.client.query<SqlRow>(statement);
    return rows;
  }

  async begin(statements: readonly string[]): Promise<void> {
    await this.client.query(statements.join('; '));
  }

  /** In one message: the server skips what follows a statement that fails. */
  async commit(statements: readonly string[]): Promise<void> {
    await this.client.query([...statements, 'COMMIT'].join('; '));
  }

  async rollback(): Promise<void> {
    await this.client.query('ROLLBACK');
  }

  release(broken: boolean): Promise<void> {
    this.client.release(broken);
    // The pool listens again to what it keeps; what it destroys may still complain.
    if (!broken) this.client.removeListener('error', this.#onError);
    return Promise.resolve();
  }
}
