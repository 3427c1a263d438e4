import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pinned } from './pinning.js';
import { findFreePort, type RedisServers, startRedisServer } from './redis-server.js';

const START_TIMEOUT_MS = 60_000;

interface Started {
  readonly address: string;
  readonly stop: () => void;
}

/** A Memcached of its own; the Redis beside it is what CPU is counted of, and does nothing. */
export async function startMemcached(core: number | undefined): Promise<RedisServers> {
  const port = await findFreePort();
  const args = ['-U', '0', '-u', 'nobody', '-l', `127.0.0.1:${port}`, '-M', '-m', '256', '-t', '1'];
  const { command, args: all } = pinned('memcached', args, core);
  return withRedis(core, [await start(command, all, port)]);
}

/** Two nodes of Ignite, as the tests start them. */
export async function startIgnite(core: number | undefined): Promise<RedisServers> {
  // A tool of the repository, from where the bench is built to.
  const tool = new URL('../../tools/servers/ignite.mjs', import.meta.url).href;
  const { findIgnite } = (await import(tool)) as {
    findIgnite: () => { command: string; args: readonly string[] } | undefined;
  };
  const ignite = findIgnite();
  if (ignite === undefined) throw new Error('Ignite is missing; npm test fetches it.');
  const nodes = [];
  for (const name of ['one', 'two']) {
    nodes.push({
      name,
      discovery: await findFreePort(),
      communication: await findFreePort(),
      client: await findFreePort(),
    });
  }
  const members = nodes.map(({ discovery }) => `127.0.0.1:${discovery}`).join(',');
  const dir = mkdtempSync(join(tmpdir(), 'dtx-bench-ignite-'));
  process.once('exit', () => rmSync(dir, { recursive: true, force: true }));
  const started = await Promise.all(
    nodes.map(({ name, discovery, communication, client }) => {
      const own = [name, discovery, communication, client, members, join(dir, name)].map(String);
      return start(ignite.command, [...ignite.args, ...own], client);
    }),
  );
  return withRedis(core, started);
}

async function withRedis(
  core: number | undefined,
  started: readonly Started[],
): Promise<RedisServers> {
  const redis = await startRedisServer(core);
  return {
    ...redis,
    cacheServers: started.map(({ address }) => address),
    async stop() {
      for (const { stop } of started) stop();
      await redis.stop();
    },
  };
}

/** Resolves when it listens; it dies with this process at the latest. */
async function start(command: string, args: readonly string[], port: number): Promise<Started> {
  const server = spawn(command, args, { stdio: 'ignore' });
  const stop = (): void => void server.kill('SIGKILL');
  process.once('exit', stop);
  const deadlineAtMs = Date.now() + START_TIMEOUT_MS;
  while (!(await listens(port))) {
    if (Date.now() > deadlineAtMs) throw new Error(`${command} does not listen on ${port}.`);
    await sleep(50);
  }
  return { address: `127.0.0.1:${port}`, stop };
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
