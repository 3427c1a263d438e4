// MySQL, only where it is given: Debian has no package of it, and it excludes MariaDB.
import { dirname } from 'node:path';
import { findExecutable, isExecutable } from './executable.mjs';

/**
 * @typedef {object} MySqlPrograms
 * @property {string} server
 * @property {string} client
 */

/**
 * The server is DTX_MYSQL_SERVER, the path of mysqld; the client is looked for beside it first.
 * @returns {MySqlPrograms | undefined}
 */
export function findMySql() {
  const server = process.env['DTX_MYSQL_SERVER'];
  if (!server || !isExecutable(server)) return undefined;
  const client = findExecutable(['mysql', 'mariadb'], [dirname(server)]);
  return client === undefined ? undefined : { server, client };
}

/** @type {import('./servers.mjs').ServerKind} */
export const mySql = { name: 'MySQL', variable: 'DTX_MYSQL_SERVER', find: findMySql };
