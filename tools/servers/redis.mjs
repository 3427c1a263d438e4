// Redis, or a server that speaks its protocol.
import { installPackages } from './apt.mjs';
import { findExecutable, isExecutable } from './executable.mjs';

/**
 * The path of a server binary: DTX_REDIS_SERVER when set, else redis-server, else valkey-server.
 * DTX_REDIS_SERVER=none hides every server, to see what a machine without one would do.
 * @returns {string | undefined}
 */
export function findRedisServer() {
  const chosen = process.env['DTX_REDIS_SERVER'];
  if (chosen) return isExecutable(chosen) ? chosen : undefined;
  return findExecutable(['redis-server', 'valkey-server']);
}

/** @type {import('./servers.mjs').ServerKind} */
export const redis = {
  name: 'redis-server',
  variable: 'DTX_REDIS_SERVER',
  find: findRedisServer,
  install: () => installPackages(['redis-server']),
};
