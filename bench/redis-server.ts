import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { pinned } from './pinning.js';
import type { RedisUrls } from './systems/system.js';

const START_TIMEOUT_MS = 10_000;
const PORT_ATTEMPTS_MAX = 100;
const PORT_MAX = 65_535;
const NO_PERSISTENCE = ['--save', '', '--appendonly', 'no'];

/** Servers of our own on free loopback ports, without persistence. */
export interface RedisServers {
  readonly urls: RedisUrls;
  /** A database beside it, where the workload needs one. */
  readonly postgresUrl?: string;
  /** Memcached or Ignite, where the workload is about them. */
  readonly cacheServers?: readonly string[];
  readonly version: string;
  readonly stop: () => Promise<void>;
}

export interface ProcessOptions {
  readonly port: number;
  readonly core: number | undefined;
  /** What else stands on the command line. */
  readonly settings: readonly string[];
}

/** One redis-server process. */
export interface RedisProcess {
  readonly url: string;
  readonly stop: () => Promise<void>;
}

/** @throws Error that tells what to install when there is no redis-server. */
export async function startRedisServer(core: number | undefined): Promise<RedisServers> {
  const version = readRedisVersion();
  const port = await findFreePort();
  const { url, stop } = await startRedisProcess({ port, core, settings: ['--dir', tmpdir()] });
  return { urls: [url], version, stop };
}

/** Starts a redis-server that dies with this process at the latest. */
export async function startRedisProcess(options: ProcessOptions): Promise<RedisProcess> {
  const { port, core, settings } = options;
  const { command, args } = pinned(
    'redis-server',
    ['--bind', '127.0.0.1', '--port', String(port), ...settings, ...NO_PERSISTENCE],
    core,
  );
  const server = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const kill = (): void => void server.kill('SIGKILL');
  process.once('exit', kill);
  await untilReady(server);
  return {
    url: `redis://127.0.0.1:${port}`,
    async stop() {
      process.off('exit', kill);
      if (server.exitCode !== null) return;
      const ended = new Promise((resolve) => server.once('exit', resolve));
      server.kill('SIGTERM');
      await ended;
    },
  };
}

/** @throws Error that tells what to install when there is no redis-server. */
export function readRedisVersion(): string {
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

/** A free loopback port whose neighbour at `busOffset` is free as well, where one is asked for. */
export async function findFreePort(busOffset?: number): Promise<number> {
  for (let attempt = 0; attempt < PORT_ATTEMPTS_MAX; attempt += 1) {
    const port = await bind(0);
    if (port === undefined) continue;
    if (busOffset === undefined) return port;
    const busPort = port + busOffset;
    if (busPort <= PORT_MAX && (await bind(busPort)) !== undefined) return port;
  }
  throw new Error(`No free loopback port in ${PORT_ATTEMPTS_MAX} attempts.`);
}

/** Listens for a moment; undefined where the port is taken. */
async function bind(port: number): Promise<number | undefined> {
  const probe = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      probe.once('error', reject);
      probe.listen(port, '127.0.0.1', resolve);
    });
  } catch {
    return undefined;
  }
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return address === null || typeof address === 'string' ? undefined : address.port;
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
