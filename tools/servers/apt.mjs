// Installs packages of Debian where that needs no password and removes nothing.
import { spawnSync } from 'node:child_process';

/**
 * @param {string} command
 * @param {readonly string[]} args
 */
function succeeds(command, args) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  return spawnSync(command, args, { stdio: 'ignore', env }).status === 0;
}

/**
 * What to put before a command so that it runs as root, or undefined where that needs a password.
 * @returns {readonly string[] | undefined}
 */
function rootPrefix() {
  if (process.getuid?.() === 0) return [];
  return succeeds('sudo', ['-n', 'true']) ? ['sudo', '-n'] : undefined;
}

/** Whether this system has apt-get. */
export function hasApt() {
  return process.platform === 'linux' && succeeds('apt-get', ['--version']);
}

/**
 * Whether it could be run as root, and succeeded.
 * @param {readonly string[]} command
 */
export function asRoot(command) {
  const prefix = rootPrefix();
  if (prefix === undefined) return false;
  const noninteractive = ['DEBIAN_FRONTEND=noninteractive', ...command];
  return succeeds('/usr/bin/env', [...prefix, '/usr/bin/env', ...noninteractive]);
}

/** The command that installs these packages. */
export const installCommand = [
  'apt-get',
  'install',
  '-y',
  '-qq',
  '--no-install-recommends',
  '--no-remove',
];

/** @param {readonly string[]} packages */
export function installPackages(packages) {
  return asRoot([...installCommand, ...packages]);
}

/** Fetches the lists of packages. */
export function updatePackageLists() {
  return asRoot(['apt-get', 'update', '-qq']);
}
