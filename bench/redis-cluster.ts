import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import {
  findFreePort,
  readRedisVersion,
  type RedisProcess,
  type RedisServers,
  startRedisProcess,
} from './redis-server.js';

const MASTERS = 3;
const SLOTS = 16_384;
const FORM_TIMEOUT_MS = 20_000;
const POLL_MS = 50;

/** The nodes talk to each other on the port that is this much higher. */
const BUS_OFFSET = 10_000;

/**
 * Three masters that share the slots evenly, without replicas, all on one core: what they cost
 * together is compared, not what three machines would do.
 */
export async function startRedisCluster(core: number | undefined): Promise<RedisServers> {
  const version = readRedisVersion();
  const directory = mkdtempSync(join(tmpdir(), 'bench-cluster-'));
  const remove = (): void => rmSync(directory, { recursive: true, force: true });
  process.once('exit', remove);
  const nodes: RedisProcess[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(nodes.map((node) => node.stop()));
    process.off('exit', remove);
    remove();
  };
  try {
    const first = await startNode(core, directory);
    nodes.push(first);
    while (nodes.length < MASTERS) nodes.push(await startNode(core, directory));
    const [, ...others] = nodes.map(({ url }) => url);
    await form([first.url, ...others]);
    return { urls: [first.url, ...others], version, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startNode(core: number | undefined, directory: string): Promise<RedisProcess> {
  const port = await findFreePort(BUS_OFFSET);
  const file = `nodes-${port}.conf`;
  return await startRedisProcess({
    port,
    core,
    settings: ['--dir', directory, '--cluster-enabled', 'yes', '--cluster-config-file', file],
  });
}

async function form(urls: readonly string[]): Promise<void> {
  const clients = urls.map((url) => new Redis(url));
  try {
    for (const [index, client] of clients.entries()) {
      // Nodes that start with the same epoch would first have to settle which of them keeps it.
      await client.call('CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1));
      await client.call('CLUSTER', 'ADDSLOTS', ...slotsOf(index));
      if (index === 0) continue;
      const { hostname, port } = new URL(urls[index] as string);
      await clients[0]?.call('CLUSTER', 'MEET', hostname, port);
    }
    await Promise.all(clients.map(untilJoined));
  } finally {
    for (const client of clients) client.disconnect();
  }
}

/** Until the node knows all others and an owner of every slot. */
async function untilJoined(client: Redis): Promise<void> {
  const expected = [
    'cluster_state:ok',
    `cluster_slots_ok:${SLOTS}`,
    `cluster_known_nodes:${MASTERS}`,
  ];
  const untilMs = performance.now() + FORM_TIMEOUT_MS;
  for (;;) {
    const lines = String(await client.call('CLUSTER', 'INFO')).split('\r\n');
    if (expected.every((line) => lines.includes(line))) return;
    if (performance.now() > untilMs) {
      throw new Error(`The cluster did not form in ${FORM_TIMEOUT_MS} ms:\n${lines.join('\n')}`);
    }
    await sleep(POLL_MS);
  }
}

/** The slots of one master, one by one, as every version of Redis takes them. */
function slotsOf(index: number): string[] {
  const first = Math.floor((index * SLOTS) / MASTERS);
  const end = Math.floor(((index + 1) * SLOTS) / MASTERS);
  return Array.from({ length: end - first }, (_, offset) => String(first + offset));
}
