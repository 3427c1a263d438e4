// MariaDB: the server and the programs that come with it.
import { dirname } from 'node:path';
import { installPackages } from './apt.mjs';
import { findExecutable, isExecutable } from './executable.mjs';

/**
 * @typedef {object} MariaDbPrograms
 * @property {string} server
 * @property {string} client
 * @property {string} initializer makes a data directory
 */

/**
 * The server is DTX_MARIADB_SERVER when set, else mariadbd; the others are looked for beside it first.
 * DTX_MARIADB_SERVER=none hides them all.
 * @returns {MariaDbPrograms | undefined}
 */
export function findMariaDb() {
  const chosen = process.env['DTX_MARIADB_SERVER'];
  const server = chosen || findExecutable(['mariadbd']);
  if (server === undefined || !isExecutable(server)) return undefined;
  const beside = [dirname(server)];
  const client = findExecutable(['mariadb', 'mysql'], beside);
  const initializer = findExecutable(['mariadb-install-db'], beside);
  if (client === undefined || initializer === undefined) return undefined;
  return { server, client, initializer };
}

/** @type {import('./servers.mjs').ServerKind} */
export const mariaDb = {
  name: 'MariaDB',
  variable: 'DTX_MARIADB_SERVER',
  find: findMariaDb,
  /** The programs without the package mariadb-server, which would start a service. */
  install: () => installPackages(['mariadb-server-core', 'mariadb-client-core']),
};
