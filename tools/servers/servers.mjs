// The servers that integration tests start, and the installation of those that are missing.
import { hasApt, updatePackageLists } from './apt.mjs';
import { ignite } from './ignite.mjs';
import { mariaDb } from './mariadb.mjs';
import { memcached } from './memcached.mjs';
import { mongoDb } from './mongodb.mjs';
import { mySql } from './mysql.mjs';
import { openssl } from './openssl.mjs';
import { postgres } from './postgres.mjs';
import { redis } from './redis.mjs';

/**
 * A server, or a program that tests with servers need.
 * @typedef {object} ServerKind
 * @property {string} name as messages and the titles of skipped suites have it
 * @property {string} variable of the environment; chooses a server, or hides it
 * @property {() => unknown} find undefined where there is none
 * @property {() => boolean} [install] absent where no package of Debian has it
 */

export { ignite, mariaDb, memcached, mongoDb, mySql, openssl, postgres, redis };

/** @type {readonly ServerKind[]} */
export const serverKinds = [redis, postgres, mariaDb, mySql, mongoDb, memcached, ignite, openssl];

/**
 * The kinds that are missing, can be installed, and were not chosen or hidden by a variable.
 * @param {readonly ServerKind[]} kinds
 */
function installable(kinds) {
  return kinds.filter(
    ({ variable, find, install }) => install && !process.env[variable] && find() === undefined,
  );
}

/** @param {readonly ServerKind[]} kinds */
function installAll(kinds) {
  for (const { name, install } of kinds) {
    process.stdout.write(`Installing ${name} ...\n`);
    install?.();
  }
}

/**
 * Installs the servers that are missing, as far as that is allowed.
 * @param {readonly ServerKind[]} [kinds]
 */
export function ensureServers(kinds = serverKinds) {
  if (installable(kinds).length === 0 || !hasApt()) return;
  installAll(installable(kinds));
  if (installable(kinds).length > 0 && updatePackageLists()) installAll(installable(kinds));
}

/**
 * The words in the title of a suite that is skipped because no such server is there.
 * @param {ServerKind} kind
 */
export function missingMark({ name }) {
  return `${name} missing`;
}

/**
 * Says why tests were skipped.
 * @param {string} name of a kind
 * @param {number} count
 */
export function skippedLine(name, count) {
  const kind = serverKinds.find((each) => each.name === name);
  const remedy = kind?.install ? 'could not be installed' : `${kind?.variable} does not name one`;
  return `${name} is missing and ${remedy}: ${count} tests skipped for it.`;
}
