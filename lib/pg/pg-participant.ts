import type { Pool } from 'pg';
import { PostgresDialect } from '../sql/postgres-dialect.js';
import { SqlParticipant, type SqlParticipantOptions } from '../sql/sql-participant.js';
import { boundPool } from './bound-pool.js';
import { PgConnection } from './pg-connection.js';

export interface PgParticipantOptions extends SqlParticipantOptions {
  /** Of node-postgres. It stays yours: close it after the application. */
  readonly pool: Pool;
}

/**
 * A PostgreSQL database, over the pool of node-postgres, that takes part in transactions.
 *
 * Its own commit decides where it is the only database of a transaction; where `max_prepared_transactions` of the
 * server is above 0 it can also be prepared beside others.
 */
export class PgParticipant extends SqlParticipant<PgConnection> {
  /**
   * The pool, bound to transactions: inside of one, `query` runs on its connection, and `connect` gives that
   * connection, whose `release` does nothing. Outside of transactions it is the pool itself.
   */
  readonly pool: Pool;
  readonly #own: Pool;

  /** @throws ModuleOptionsError */
  constructor({ pool, ...options }: PgParticipantOptions) {
    super(new PostgresDialect(), options);
    this.#own = pool;
    this.pool = boundPool(pool, () => this.current());
    // An idle client that is cut off leaves the pool; without a listener the process would end.
    pool.on('error', () => undefined);
  }

  protected async connect(): Promise<PgConnection> {
    return new PgConnection(await this.#own.connect());
  }

  protected override async canPrepare(connection: PgConnection): Promise<boolean> {
    const [row] = await connection.execute('SHOW max_prepared_transactions');
    return Number(row?.['max_prepared_transactions']) > 0;
  }
}
