// A PostgreSQL of one's own: started in a folder that is new, and gone with the process that wanted it.
import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chownSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { findPostgresBin } from './postgres.mjs';

const START_DEADLINE_MS = 30_000;
const STATUS_LINE = 7;
const SUPERUSER = 'postgres';

/** Who the server runs as: PostgreSQL refuses root, whose server runs as nobody. */
const account = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};

/**
 * The shell is the parent of the server and outlives its own: the pipe it reads from closes when that
 * is gone, however it went.
 */
const guardScript = `
  folder=$1; shift
  "$@" >"$folder/server.log" 2>&1 &
  read -r _
  kill -QUIT $!
  wait $!
  rm -rf "$folder"`;

async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (probe.address());
  await new Promise((closed) => probe.close(closed));
  return port;
}

/**
 * @param {string} bin
 * @param {string} folder
 * @param {string} password
 */
function initialize(bin, folder, password) {
  const passwordFile = join(folder, 'password');
  writeFileSync(passwordFile, password, { mode: 0o600 });
  if (account.uid !== undefined) {
    for (const path of [folder, passwordFile]) chownSync(path, account.uid, account.gid);
  }
  const access = ['--username', SUPERUSER, '--auth', 'scram-sha-256', '--pwfile', passwordFile];
  const kind = ['--encoding', 'UTF8', '--locale', 'C', '--no-sync'];
  execFileSync(join(bin, 'initdb'), ['--pgdata', join(folder, 'data'), ...access, ...kind], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
    ...account,
  });
}

/**
 * @param {string} bin
 * @param {string} folder
 * @param {number} port
 */
function launch(bin, folder, port) {
  const settings = [
    `port=${port}`,
    'listen_addresses=127.0.0.1',
    'unix_socket_directories=',
    'fsync=off',
  ].flatMap((setting) => ['-c', setting]);
  const server = [join(bin, 'postgres'), '-D', join(folder, 'data'), ...settings];
  const guard = spawn('/bin/sh', ['-c', guardScript, 'guard', folder, ...server], {
    cwd: folder,
    stdio: ['pipe', 'ignore', 'ignore'],
    // Ctrl-C is for the process that uses the server, which still needs it to end in order.
    detached: true,
    ...account,
  });
  guard.unref();
  /** @type {import('node:net').Socket} */ (guard.stdin).unref();
}

/** @param {string} folder */
async function untilReady(folder) {
  const pidFile = join(folder, 'data', 'postmaster.pid');
  const deadline = performance.now() + START_DEADLINE_MS;
  for (;;) {
    const lines = existsSync(pidFile) ? readFileSync(pidFile, 'utf8').split('\n') : [];
    if (lines[STATUS_LINE]?.trim() === 'ready') return;
    if (performance.now() > deadline) {
      const log = readFileSync(join(folder, 'server.log'), 'utf8');
      throw new Error(`PostgreSQL was not started in time:\n${log}`);
    }
    await delay(20);
  }
}

/**
 * Starts one on a free port of 127.0.0.1; it ends, and its data with it, when this process does.
 * @returns {Promise<string>} how to connect: a URL
 */
export async function startPrivatePostgres() {
  const bin = findPostgresBin();
  if (bin === undefined) throw new Error('There is no PostgreSQL that could be started.');
  const folder = mkdtempSync(join(tmpdir(), 'dtx-postgres-'));
  const password = randomBytes(16).toString('hex');
  try {
    initialize(bin, folder, password);
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
  const port = await freePort();
  launch(bin, folder, port);
  await untilReady(folder);
  return `postgresql://${SUPERUSER}:${password}@127.0.0.1:${port}/postgres`;
}
