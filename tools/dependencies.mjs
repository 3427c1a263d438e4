// Brings node_modules to what package-lock.json says, so that one command works in a fresh clone.
import { existsSync, readFileSync } from 'node:fs';
import { spawnNpm } from './npm.mjs';
import { fromRoot, root } from './root.mjs';

/** @typedef {{ version?: string, optional?: boolean, link?: boolean }} LockedPackage */

/**
 * The packages of a lock file by the folder that they are installed in.
 * @param {string} path
 * @returns {Record<string, LockedPackage>}
 */
function packagesOf(path) {
  return JSON.parse(readFileSync(path, 'utf8')).packages ?? {};
}

/**
 * Whether the installed tree satisfies the lock file. npm writes the tree's own lock file last, so
 * an interrupted installation has none. Optional packages of other platforms may be absent.
 */
export function dependenciesAreCurrent() {
  const installedLock = fromRoot('node_modules/.package-lock.json');
  if (!existsSync(installedLock)) return false;
  const installed = packagesOf(installedLock);
  return Object.entries(packagesOf(fromRoot('package-lock.json'))).every(([folder, wanted]) => {
    if (folder === '') return true;
    const found = installed[folder];
    return found === undefined ? wanted.optional === true : found.version === wanted.version;
  });
}

/** Runs `npm ci` when dependencies are missing or stale; throws when npm fails. */
export function ensureDependencies() {
  if (dependenciesAreCurrent()) return;
  process.stdout.write('Installing the dependencies (npm ci) ...\n');
  const { status, error } = spawnNpm(
    ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'],
    { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] },
  );
  if (status !== 0) {
    throw new Error(`npm ci failed (${error?.message ?? `exit code ${status}`}).`);
  }
}
