import pg from 'pg';
import { INITIAL_BALANCE } from '../accounts.js';
import type { StoredAccount, SystemContext } from './system.js';

/** What both systems do in the database: two accounts and a line in the ledger. */
export interface SqlQueries {
  query(text: string, values: unknown[]): Promise<unknown>;
}

export async function transferInSql(
  db: SqlQueries,
  from: string,
  to: string,
  amount: number,
): Promise<void> {
  await db.query('UPDATE accounts SET balance = balance - $2 WHERE id = $1', [from, amount]);
  await db.query('UPDATE accounts SET balance = balance + $2 WHERE id = $1', [to, amount]);
  await db.query('INSERT INTO ledger (source, target, amount) VALUES ($1, $2, $3)', [
    from,
    to,
    amount,
  ]);
}

/** As many connections as calls, so that nobody waits for one. */
export function openPool({ postgresUrl, concurrency }: SystemContext): pg.Pool {
  if (postgresUrl === undefined) throw new Error('This workload needs a PostgreSQL.');
  return new pg.Pool({ connectionString: postgresUrl, max: concurrency });
}

export async function createAccounts(pool: pg.Pool, ids: readonly string[]): Promise<void> {
  await pool.query(
    'DROP TABLE IF EXISTS accounts, ledger; CREATE TABLE accounts (id text PRIMARY KEY, balance bigint NOT NULL); ' +
      'CREATE TABLE ledger (id bigserial PRIMARY KEY, source text, target text, amount bigint)',
  );
  await pool.query('INSERT INTO accounts SELECT unnest($1::text[]), $2', [ids, INITIAL_BALANCE]);
}

export async function readAccounts(
  pool: pg.Pool,
  ids: readonly string[],
): Promise<StoredAccount[]> {
  const { rows } = await pool.query<{ id: string; balance: string }>(
    'SELECT id, balance FROM accounts',
  );
  const balances = new Map(rows.map(({ id, balance }) => [id, Number(balance)]));
  return ids.map((id) => ({ balance: balances.get(id) ?? Number.NaN }));
}
