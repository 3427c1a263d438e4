import mysql from 'mysql2/promise';
import pg from 'pg';
import type { MySqlLikeServer } from '../support/mysql-server.js';
import type { PostgresServer } from '../support/postgres-server.js';
import type { AdapterScene } from './adapter-suite.js';

/** What a scene needs of a pool, whatever is built over it. */
export type PoolParts = Pick<AdapterScene, 'inUse' | 'outside' | 'close'>;

/** A pool of four for a participant, and `own`, which is not bound to transactions. */
export function pgPool(
  server: PostgresServer,
  own: pg.Pool,
): { readonly pool: pg.Pool; readonly parts: PoolParts } {
  const pool = new pg.Pool({ ...server.address(), max: 4 });
  const parts: PoolParts = {
    inUse: () => pool.totalCount - pool.idleCount,
    outside: async (sql) => (await own.query<Record<string, unknown>>(sql)).rows,
    close: () => pool.end(),
  };
  return { pool, parts };
}

interface Counted {
  readonly _allConnections: { readonly length: number };
  readonly _freeConnections: { readonly length: number };
}

export function mysqlPool(
  server: MySqlLikeServer,
  own: mysql.Pool,
): { readonly pool: mysql.Pool; readonly parts: PoolParts } {
  const pool = mysql.createPool({ ...server.address(), connectionLimit: 4 });
  const { _allConnections: all, _freeConnections: free } = pool.pool as unknown as Counted;
  const parts: PoolParts = {
    inUse: () => all.length - free.length,
    outside: async (sql) => (await own.query(sql))[0] as Record<string, unknown>[],
    close: () => pool.end(),
  };
  return { pool, parts };
}
