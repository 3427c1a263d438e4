import type pg from 'pg';
import { createAccounts, openPool, readAccounts, transferInSql } from './sql-accounts.js';
import type { CreateSystem, StoredAccount, System, SystemContext } from './system.js';
import type { Call } from './call.js';

/** Serialization failure, deadlock. */
const CONFLICTS = new Set(['40001', '40P01']);

/** The same SQL transaction, at the same isolation level, without any cache. */
class SqlAlone implements System {
  readonly #pool: pg.Pool;

  constructor(context: SystemContext) {
    this.#pool = openPool(context);
  }

  setup(ids: readonly string[]): Promise<void> {
    return createAccounts(this.#pool, ids);
  }

  async transfer(from: string, to: string, amount: number, call: Call): Promise<void> {
    while (!(await this.#attempt(from, to, amount, call)));
  }

  async #attempt(from: string, to: string, amount: number, call: Call): Promise<boolean> {
    call.attempts += 1;
    const client = await this.#pool.connect();
    try {
      await client.query('BEGIN ISOLATION LEVEL SERIALIZABLE');
      await transferInSql(client, from, to, amount);
      await client.query('COMMIT');
      return true;
    } catch (error) {
      await client.query('ROLLBACK');
      if (!CONFLICTS.has((error as { code?: string }).code ?? '')) throw error;
      return false;
    } finally {
      client.release();
    }
  }

  check(ids: readonly string[]): Promise<StoredAccount[]> {
    return readAccounts(this.#pool, ids);
  }

  close(): Promise<void> {
    return this.#pool.end();
  }
}

export const sqlAlone: CreateSystem = (context) => new SqlAlone(context);
