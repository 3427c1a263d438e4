// Finds a Redis-compatible server for the integration tests, and installs one where that is allowed.
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

const names = ['redis-server', 'valkey-server'];
const usualFolders = ['/usr/bin', '/usr/local/bin', '/usr/sbin', '/opt/homebrew/bin', '/snap/bin'];

/** @param {string} path */
function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * The path of a server binary: DTX_REDIS_SERVER when set, else redis-server, else valkey-server.
 * DTX_REDIS_SERVER=none hides every server, to see what a machine without one would do.
 * @returns {string | undefined}
 */
export function findRedisServer() {
  const chosen = process.env['DTX_REDIS_SERVER'];
  if (chosen) return isExecutable(chosen) ? chosen : undefined;
  const folders = new Set([...(process.env['PATH'] ?? '').split(delimiter), ...usualFolders]);
  const candidates = names.flatMap((name) => [...folders].map((folder) => join(folder, name)));
  return candidates.find(isExecutable);
}

/**
 * @param {string} command
 * @param {string[]} args
 */
function succeeds(command, args) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  return spawnSync(command, args, { stdio: 'ignore', env }).status === 0;
}

/**
 * What to put before a command so that it runs as root, or undefined where that needs a password.
 * @returns {string[] | undefined}
 */
function rootPrefix() {
  if (process.getuid?.() === 0) return [];
  return succeeds('sudo', ['-n', 'true']) ? ['sudo', '-n'] : undefined;
}

/** @param {string[]} args */
function aptGet(args) {
  const prefix = rootPrefix();
  if (prefix === undefined) return false;
  return succeeds('/usr/bin/env', [...prefix, 'apt-get', ...args]);
}

/**
 * Finds a server, or installs Debian's package redis-server first.
 * @returns {string | undefined}
 */
export function ensureRedisServer() {
  const found = findRedisServer();
  if (found !== undefined || process.env['DTX_REDIS_SERVER']) return found;
  if (process.platform !== 'linux' || !succeeds('apt-get', ['--version'])) return undefined;
  process.stdout.write('Installing redis-server (apt-get) for the integration tests ...\n');
  const install = ['install', '-y', '-qq', '--no-install-recommends', 'redis-server'];
  if (!aptGet(install) && aptGet(['update', '-qq'])) aptGet(install);
  return findRedisServer();
}
