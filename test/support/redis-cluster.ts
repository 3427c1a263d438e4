import { poll } from './poll.js';
import { RedisServer, type RedisServerOptions } from './redis-server.js';

export interface RedisClusterOptions {
  readonly masters?: number;
  readonly config?: RedisServerOptions['config'];
}

const slotCount = 16_384;
const formDeadlineMs = 20_000;

/** Real masters that share the slots evenly, without replicas. */
export class RedisCluster {
  /** @throws when the nodes do not agree on the slots within twenty seconds. */
  static async start({
    masters = 3,
    config = {},
  }: RedisClusterOptions = {}): Promise<RedisCluster> {
    const nodeConfig = { ...config, 'cluster-enabled': 'yes', 'cluster-node-timeout': '2000' };
    const starts = Array.from({ length: masters }, () => RedisServer.start({ config: nodeConfig }));
    const outcomes = await Promise.allSettled(starts);
    const nodes = outcomes.flatMap((outcome) =>
      outcome.status === 'fulfilled' ? [outcome.value] : [],
    );
    const cluster = new RedisCluster(nodes);
    try {
      await Promise.all(starts);
      await cluster.#form();
      return cluster;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  private constructor(readonly nodes: readonly RedisServer[]) {}

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()));
  }

  async #form(): Promise<void> {
    const [first] = this.nodes;
    for (const [index, node] of this.nodes.entries()) {
      await node.command('CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1));
      await node.command('CLUSTER', 'ADDSLOTS', ...slotsOf(index, this.nodes.length));
      if (node !== first) await first?.command('CLUSTER', 'MEET', '127.0.0.1', String(node.port));
    }
    await Promise.all(this.nodes.map((node) => this.#joined(node)));
  }

  #joined(node: RedisServer): Promise<true> {
    const expected = [
      'cluster_state:ok',
      `cluster_slots_ok:${slotCount}`,
      `cluster_known_nodes:${this.nodes.length}`,
    ];
    return poll(
      async () => {
        const info = String(await node.command('CLUSTER', 'INFO')).split('\r\n');
        return expected.every((line) => info.includes(line)) ? true : undefined;
      },
      { deadlineMs: formDeadlineMs, intervalMs: 50, until: `port ${node.port} joined the cluster` },
    );
  }
}

/** The slots of one of `count` masters, as CLUSTER ADDSLOTS takes them on every version. */
function slotsOf(index: number, count: number): string[] {
  const first = Math.floor((index * slotCount) / count);
  const end = Math.floor(((index + 1) * slotCount) / count);
  return Array.from({ length: end - first }, (_, offset) => String(first + offset));
}
