import type { Pool, PoolConnection } from 'mysql2/promise';
import { callbackConnection, type CallbackConnection } from '../sql/callback-connection.js';
import type { SqlBranch } from '../sql/sql-branch.js';
import { withMethods } from '../sql/with-methods.js';
import type { MysqlConnection } from './mysql-connection.js';

type Branch = SqlBranch<MysqlConnection>;
type Send = 'query' | 'execute';
type SendArguments = readonly [
  statement: string | { readonly sql?: string },
  ...values: readonly unknown[],
];

/** What mappers send before BEGIN; within a transaction it is that one which says so. */
const SETTINGS = /^set transaction [\w ,]+$/i;

/**
 * The pool, except that inside a transaction `query`, `execute` and `getConnection` use its connection.
 */
export function boundPool(pool: Pool, current: () => Branch | undefined): Pool {
  const send = async (method: Send, args: SendArguments): Promise<unknown> => {
    const branch = current();
    if (branch !== undefined) return sendOn(branch, method, args);
    return Reflect.apply(pool[method].bind(pool), undefined, args);
  };
  return withMethods(pool, {
    query: (...args: never[]) => send('query', args as unknown as SendArguments),
    execute: (...args: never[]) => send('execute', args as unknown as SendArguments),
    getConnection: async () => {
      const branch = current();
      if (branch === undefined) return pool.getConnection();
      const { connection } = await branch.connection();
      return boundConnection(connection, branch);
    },
  });
}

/** The connection of a transaction, which gives it back when it ends; a transaction in it is a savepoint. */
function boundConnection(connection: PoolConnection, branch: Branch): PoolConnection {
  const session = {};
  const send =
    (method: Send) =>
    (...args: never[]) =>
      sendOn(branch, method, args as unknown as SendArguments, session);
  const core = (connection as unknown as { readonly connection: CallbackConnection }).connection;
  const methods = { release: () => undefined, destroy: () => undefined, end: () => undefined };
  return withMethods(connection, {
    connection: callbackConnection(core, branch, { session, settings: SETTINGS, methods }),
    query: send('query'),
    execute: send('execute'),
    beginTransaction: () => branch.begin(session),
    commit: () => branch.commit(session),
    rollback: () => branch.rollback(session),
    release: () => undefined,
    destroy: () => undefined,
    end: () => Promise.resolve(),
  });
}

function sendOn(
  branch: Branch,
  method: Send,
  args: SendArguments,
  session?: object,
): Promise<unknown> {
  const [given] = args;
  const text = typeof given === 'string' ? given : (given?.sql ?? '');
  if (session !== undefined && SETTINGS.test(text)) return Promise.resolve([[], []]);
  return branch.run(
    ({ connection }, statement): Promise<unknown> => {
      // What stands in its place has no values, and cannot always be prepared.
      if (statement !== text) return connection.query(statement);
      return Reflect.apply(
        connection[method].bind(connection),
        undefined,
        args,
      ) as Promise<unknown>;
    },
    text,
    session,
  );
}
