import type { Pool, PoolClient } from 'pg';
import type { SqlBranch } from '../sql/sql-branch.js';
import { withMethods } from '../sql/with-methods.js';
import { queryOn } from './bound-query.js';
import type { PgConnection } from './pg-connection.js';

type ConnectCallback = (error: unknown, client?: PoolClient, release?: () => void) => void;

/** The pool, except that inside a transaction `query` and `connect` use its connection. */
export function boundPool(pool: Pool, current: () => SqlBranch<PgConnection> | undefined): Pool {
  const query = (...args: unknown[]): unknown => {
    let branch: SqlBranch<PgConnection> | undefined;
    try {
      branch = current();
    } catch (error) {
      return Promise.reject(error as Error);
    }
    if (branch !== undefined) return queryOn(branch, args);
    return Reflect.apply(pool.query.bind(pool), undefined, args);
  };
  const connect = (callback?: ConnectCallback): unknown => {
    const branch = current();
    if (branch === undefined) return callback ? pool.connect(callback as never) : pool.connect();
    const client = branch.connection().then(({ client: own }) => boundClient(own, branch));
    if (callback === undefined) return client;
    client.then(
      (bound) => process.nextTick(callback, undefined, bound, () => undefined),
      (error: unknown) => process.nextTick(callback, error),
    );
    return undefined;
  };
  return withMethods(pool, { query, connect });
}

/** The client of a transaction, which gives it back when it ends. */
function boundClient(client: PoolClient, branch: SqlBranch<PgConnection>): PoolClient {
  const session = {};
  return withMethods(client, {
    query: (...args: unknown[]) => queryOn(branch, args, session),
    release: () => undefined,
    end: () => Promise.resolve(),
  });
}
