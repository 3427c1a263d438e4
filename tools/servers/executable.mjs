// Looks for executables of servers.
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

const usualFolders = ['/usr/bin', '/usr/local/bin', '/usr/sbin', '/opt/homebrew/bin', '/snap/bin'];

/** @param {string} path */
export function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * The first of the names that is there, in the folders given first, on the PATH or in a usual folder.
 * @param {readonly string[]} names
 * @param {readonly string[]} [first]
 * @returns {string | undefined}
 */
export function findExecutable(names, first = []) {
  const onPath = (process.env['PATH'] ?? '').split(delimiter);
  const folders = [...new Set([...first, ...onPath, ...usualFolders])];
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find(isExecutable);
}
