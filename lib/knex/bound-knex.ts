import { EventEmitter } from 'node:events';
import type { Knex } from 'knex';
import { callbackConnection, type SqlBranch } from '../sql/index.js';
import type { DriverConnection, KnexClient, KnexConnection } from './knex-connection.js';

/** What knex sends before BEGIN. */
const SETTINGS = /^SET TRANSACTION [\w ]+;$/;

/**
 * The Knex, except that inside a transaction it takes the connection of that one, whatever it runs: builders,
 * raw statements, and transactions of its own. It shares all the rest, the pool and the listeners too.
 */
export function boundKnex(knex: Knex, current: () => SqlBranch<KnexConnection> | undefined): Knex {
  const bound = knex.withUserParams(knex.userParams);
  bound.client = boundClient(knex.client as KnexClient, current);
  // Statements are announced by the client, which both share, to the one that was there first.
  const listening = knex as unknown as Record<string, (...args: unknown[]) => unknown>;
  const methods = Object.keys(EventEmitter.prototype).filter(
    (name) => typeof listening[name] === 'function',
  );
  for (const name of methods) Object.assign(bound, { [name]: listening[name]!.bind(knex) });
  return bound;
}

/** Inherits from the client of the user, so that it always is as that one is. */
function boundClient(
  own: KnexClient,
  current: () => SqlBranch<KnexConnection> | undefined,
): KnexClient {
  const borrowed = new WeakSet<DriverConnection>();
  const methods: Partial<KnexClient> = {
    async acquireConnection() {
      const branch = current();
      if (branch === undefined) return own.acquireConnection();
      const { driver } = await branch.connection();
      const connection = callbackConnection(driver, branch, { settings: SETTINGS });
      borrowed.add(connection);
      return connection;
    },
    async releaseConnection(connection) {
      if (!borrowed.has(connection)) await own.releaseConnection(connection);
    },
    destroy: (callback) => own.destroy(callback),
    initializePool: (config) => own.initializePool(config),
  };
  return Object.assign(Object.create(own) as KnexClient, methods);
}
