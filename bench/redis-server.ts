import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { pinned } from './pinning.js';

const START_TIMEOUT_MS = 10_000;

/** A redis-server of our own, on a free loopback port, without persistence. */
export interface RedisServer {
  readonly url: string;
  readonly version: string;
  stop(): Promise<void>;
}

/** @throws Error that tells what to install when there is no redis-server. */
export async function startRedisServer(core: number | undefined): Promise<RedisServer> {
  const version = readVersion();
  const port = await findFreePort();
  const settings = ['--bind', '127.0.0.1', '--port', String(port), '--dir', tmpdir()];
  const { command, args } = pinned(
    'redis-server',
    [...settings, '--save', '', '--appendonly', 'no'],
    core,
  );
  const server = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const kill = (): void => void server.kill('SIGKILL');
  process.once('exit', kill);
  await untilReady(server);
  return {
    url: `redis://127.0.0.1:${port}`,
    version,
    async stop() {
      process.off('exit', kill);
      if (server.exitCode !== null) return;
      const ended = new Promise((resolve) => server.once('exit', resolve));
      server.kill('SIGTERM');
      await ended;
    },
  };
}

function readVersion(): string {
  try {
    const output = execFileSync('redis-server', ['--version'], { encoding: 'utf8' });
    return /v=(\S+)/.exec(output)?.[1] ?? output.trim();
  } catch (cause) {
    throw new Error(
      'The bench starts a Redis of its own, but redis-server is not on the PATH. ' +
        'Install it (Debian, Ubuntu: apt-get install redis-server; macOS: brew install redis).',
      { cause },
    );
  }
}

async function findFreePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve, reject) => {
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', resolve);
  });
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('No free loopback port.');
  return address.port;
}

async function untilReady(server: ChildProcess): Promise<void> {
  let log = '';
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => {
      server.kill('SIGKILL');
      reject(new Error(`redis-server was not ready after ${START_TIMEOUT_MS} ms:\n${log}`));
    }, START_TIMEOUT_MS);
    server.once('error', reject);
    server.once('exit', (code) => {
      clearTimeout(timer);
      reject(new Error(`redis-server ended with code ${code}:\n${log}`));
    });
    server.stdout?.setEncoding('utf8').on('data', (text: string) => {
      log = (log + text).slice(-4000);
      if (!log.includes('Ready to accept connections')) return;
      clearTimeout(timer);
      resolve();
    });
  });
}
