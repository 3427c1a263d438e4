import type { SentinelAddresses } from './cluster-client.js';
import { poll } from './poll.js';
import { RedisServer } from './redis-server.js';
import type { ReplicatedRedis } from './replicated-redis.js';

const name = 'bank';
const agreeDeadlineMs = 20_000;

/** Real Sentinels that watch a master and its replicas, and agree on who they are. */
export class RedisSentinels {
  static async start(redis: ReplicatedRedis, count = 3): Promise<RedisSentinels> {
    const config = {
      'sentinel monitor': `${name} 127.0.0.1 ${redis.master.port} ${Math.floor(count / 2) + 1}`,
      'sentinel down-after-milliseconds': `${name} 500`,
      'sentinel failover-timeout': `${name} 3000`,
    };
    const sentinels = new RedisSentinels([]);
    try {
      for (let nth = 0; nth < count; nth += 1) {
        sentinels.servers.push(await RedisServer.start({ config, sentinel: true }));
      }
      await Promise.all(
        sentinels.servers.map((sentinel) => knows(sentinel, count - 1, redis.replicas.length)),
      );
      return sentinels;
    } catch (error) {
      await sentinels.stop();
      throw error;
    }
  }

  private constructor(readonly servers: RedisServer[]) {}

  /** What ioredis needs to find the master. */
  get addresses(): SentinelAddresses {
    return { name, sentinels: this.servers.map(({ port }) => ({ host: '127.0.0.1', port })) };
  }

  /** Resolves with the port of the master once the Sentinels agree on one that is not `former`. */
  async masterOtherThan(former: RedisServer): Promise<number> {
    return poll(
      async () => {
        const ports = await Promise.all(this.servers.map(masterPortBy));
        return ports.every((port) => port === ports[0] && port !== former.port)
          ? ports[0]
          : undefined;
      },
      { deadlineMs: agreeDeadlineMs, intervalMs: 50, until: 'another master has taken over' },
    );
  }

  async stop(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.stop()));
  }
}

async function masterPortBy(sentinel: RedisServer): Promise<number> {
  const address = await sentinel.command('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', name);
  return Number((address as string[])[1]);
}

function knows(sentinel: RedisServer, others: number, replicas: number): Promise<true> {
  return poll(
    async () => {
      const fields = (await sentinel.command('SENTINEL', 'MASTER', name)) as string[];
      const value = (field: string): number => Number(fields[fields.indexOf(field) + 1]);
      const all = value('num-other-sentinels') === others && value('num-slaves') === replicas;
      return all ? true : undefined;
    },
    { deadlineMs: agreeDeadlineMs, intervalMs: 50, until: `Sentinel ${sentinel.port} knows all` },
  );
}
