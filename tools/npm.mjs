// Runs npm: the one that runs us when there is one, so that its version and settings stay the same.
import { spawnSync } from 'node:child_process';

/**
 * @param {string[]} args
 * @param {import('node:child_process').SpawnSyncOptions} options
 */
export function spawnNpm(args, options) {
  const running = process.env['npm_execpath'];
  if (running !== undefined) return spawnSync(process.execPath, [running, ...args], options);
  return spawnSync('npm', args, { ...options, shell: process.platform === 'win32' });
}
