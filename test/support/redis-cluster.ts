import { poll } from './poll.js';
import { linkedUp } from './replicated-redis.js';
import { RedisServer, type RedisServerOptions } from './redis-server.js';

export interface RedisClusterOptions {
  readonly masters?: number;
  /** Of each master. */
  readonly replicas?: number;
  readonly config?: RedisServerOptions['config'];
}

const slotCount = 16_384;
const formDeadlineMs = 20_000;

/** Real masters that share the slots evenly, and as many replicas of each as wanted. */
export class RedisCluster {
  /** @throws when the nodes do not agree on the slots within twenty seconds. */
  static async start({
    masters = 3,
    replicas = 0,
    config = {},
  }: RedisClusterOptions = {}): Promise<RedisCluster> {
    const nodeConfig = { 'cluster-node-timeout': '2000', ...config, 'cluster-enabled': 'yes' };
    const count = masters * (1 + replicas);
    const starts = Array.from({ length: count }, () => RedisServer.start({ config: nodeConfig }));
    const outcomes = await Promise.allSettled(starts);
    const nodes = outcomes.flatMap((outcome) =>
      outcome.status === 'fulfilled' ? [outcome.value] : [],
    );
    const cluster = new RedisCluster(nodes, masters);
    try {
      await Promise.all(starts);
      await cluster.#form();
      return cluster;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  private constructor(
    /** The masters first, as the cluster began. */
    readonly nodes: readonly RedisServer[],
    private readonly masters: number,
  ) {}

  /** Makes a replica the master of its shard, and loses nothing. */
  async failOver(replica: RedisServer): Promise<void> {
    await poll(
      async () => {
        const role = (await replica.command('ROLE')) as unknown[];
        if (role[0] === 'master') return true;
        // A master that is busy with another failover may not answer; it is asked again.
        await replica.command('CLUSTER', 'FAILOVER').catch(() => undefined);
        return undefined;
      },
      { deadlineMs: formDeadlineMs, intervalMs: 1000, until: `port ${replica.port} is a master` },
    );
  }

  /** Moves a slot with all its keys, as redis-cli does, while others may write to it. */
  async moveSlot(slot: number, source: RedisServer, target: RedisServer): Promise<void> {
    const [from, to] = await Promise.all([idOf(source), idOf(target)]);
    const text = String(slot);
    await target.command('CLUSTER', 'SETSLOT', text, 'IMPORTING', from);
    await source.command('CLUSTER', 'SETSLOT', text, 'MIGRATING', to);
    for (;;) {
      const keys = (await source.command('CLUSTER', 'GETKEYSINSLOT', text, '1')) as string[];
      if (keys.length === 0) break;
      const options = ['127.0.0.1', String(target.port), '', '0', '5000', 'KEYS', ...keys];
      await source.command('MIGRATE', ...options);
    }
    for (const node of [target, source]) {
      await node.command('CLUSTER', 'SETSLOT', text, 'NODE', to);
    }
    await poll(
      async () => {
        const owners = await Promise.all(this.nodes.map((node) => ownerOf(node, slot)));
        return owners.every((owner) => owner === target.port) ? true : undefined;
      },
      { deadlineMs: formDeadlineMs, intervalMs: 20, until: `slot ${slot} is where it was moved` },
    );
  }

  /** Those who take themselves for masters, for which all nodes have to answer. */
  async currentMasters(): Promise<RedisServer[]> {
    const roles = await Promise.all(this.nodes.map((node) => node.command('ROLE')));
    return this.nodes.filter((_, nth) => (roles[nth] as unknown[])[0] === 'master');
  }

  /** The master of a slot. */
  async masterOf(slot: number): Promise<RedisServer> {
    const port = await ownerOf(this.nodes[0]!, slot);
    const master = this.nodes.find((node) => node.port === port);
    if (master === undefined) throw new Error(`No node owns slot ${slot}.`);
    return master;
  }

  /** The node that has what a master has. @throws when it has no replica. */
  async replicaOf(master: RedisServer): Promise<RedisServer> {
    const role = (await master.command('ROLE')) as [string, number, [string, string][]];
    const port = role[2][0]?.[1];
    const replica = this.nodes.find((node) => String(node.port) === port);
    if (replica === undefined) throw new Error(`Port ${master.port} has no replica.`);
    return replica;
  }

  /** Resolves with the master that all others take for that of a slot, once that is not `former`. */
  async takenOver(slot: number, former: RedisServer): Promise<RedisServer> {
    return this.#agreedMasterOf(
      slot,
      this.nodes.filter((node) => node !== former),
    );
  }

  /** Resolves with the master of a slot once all nodes take the same one for that. */
  async agreedMasterOf(slot: number): Promise<RedisServer> {
    return this.#agreedMasterOf(slot, this.nodes);
  }

  async #agreedMasterOf(slot: number, nodes: readonly RedisServer[]): Promise<RedisServer> {
    return poll(
      async () => {
        const owners = await Promise.all(nodes.map((node) => ownerOf(node, slot)));
        const master = nodes.find((node) => node.port === owners[0]);
        return owners.every((owner) => owner === master?.port) ? master : undefined;
      },
      { deadlineMs: formDeadlineMs, intervalMs: 50, until: `all agree on who has slot ${slot}` },
    );
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()));
  }

  async #form(): Promise<void> {
    const [first] = this.nodes;
    for (const [index, node] of this.nodes.entries()) {
      await node.command('CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1));
      if (index < this.masters) {
        await node.command('CLUSTER', 'ADDSLOTS', ...slotsOf(index, this.masters));
      }
      if (node !== first) await first?.command('CLUSTER', 'MEET', '127.0.0.1', String(node.port));
    }
    await Promise.all(this.nodes.map((node) => this.#joined(node)));
    await Promise.all(
      this.nodes.slice(this.masters).map((node, nth) => this.#replicate(node, nth)),
    );
  }

  async #replicate(replica: RedisServer, nth: number): Promise<void> {
    await replica.command('CLUSTER', 'REPLICATE', await idOf(this.nodes[nth % this.masters]!));
    await linkedUp(replica);
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

/** The port of the master of a slot, as one node knows it. */
async function ownerOf(node: RedisServer, slot: number): Promise<number | undefined> {
  const ranges = (await node.command('CLUSTER', 'SLOTS')) as [number, number, [string, number]][];
  return ranges.find(([first, last]) => slot >= first && slot <= last)?.[2][1];
}

async function idOf(node: RedisServer): Promise<string> {
  return String(await node.command('CLUSTER', 'MYID'));
}

/** The slots of one of `count` masters, as CLUSTER ADDSLOTS takes them on every version. */
function slotsOf(index: number, count: number): string[] {
  const first = Math.floor((index * slotCount) / count);
  const end = Math.floor(((index + 1) * slotCount) / count);
  return Array.from({ length: end - first }, (_, offset) => String(first + offset));
}
