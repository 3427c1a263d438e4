import { poll } from './poll.js';
import { redisCommand } from './redis-command.js';
import { RedisServer, type RedisServerOptions } from './redis-server.js';

const syncDeadlineMs = 15_000;

/** A replica starts to copy its master at once. */
export const replicationConfig = { 'repl-diskless-sync-delay': '0' } as const;

export interface ReplicatedRedisOptions {
  readonly replicas?: number;
  readonly config?: RedisServerOptions['config'];
}

/** A real master and its replicas, which have what it has when they are handed out. */
export class ReplicatedRedis {
  static async start({
    replicas = 1,
    config = {},
  }: ReplicatedRedisOptions = {}): Promise<ReplicatedRedis> {
    const own = { ...replicationConfig, ...config };
    const master = await RedisServer.start({ config: own });
    const replicated = new ReplicatedRedis(master, []);
    try {
      for (let nth = 0; nth < replicas; nth += 1) {
        const replicaof = `127.0.0.1 ${master.port}`;
        replicated.replicas.push(await RedisServer.start({ config: { ...own, replicaof } }));
      }
      await Promise.all(replicated.replicas.map((replica) => linkedUp(replica, master.port)));
      return replicated;
    } catch (error) {
      await replicated.stop();
      throw error;
    }
  }

  private constructor(
    readonly master: RedisServer,
    readonly replicas: RedisServer[],
  ) {}

  get replica(): RedisServer {
    return this.replicas[0]!;
  }

  async stop(): Promise<void> {
    await Promise.all([this.master, ...this.replicas].map((server) => server.stop()));
  }
}

/**
 * Resolves when a server is a replica that has all of its master's data, both of them say so, and the master was
 * told by the replica how far it is: before that it sends nothing more, for up to a second.
 */
export async function linkedUp(replica: RedisServer, masterPort?: number): Promise<void> {
  await poll(
    async () => {
      const info = String(await replica.command('INFO', 'replication'));
      const port = Number(/^master_port:(\d+)/m.exec(info)?.[1]);
      const isUp = info.includes('master_link_status:up');
      if (!isUp || (masterPort !== undefined && port !== masterPort)) return undefined;
      const seen = String(await redisCommand(port, ['INFO', 'replication']));
      const isHeard = new RegExp(`port=${replica.port},state=online,offset=[1-9]`).test(seen);
      return isHeard ? true : undefined;
    },
    { deadlineMs: syncDeadlineMs, intervalMs: 25, until: `port ${replica.port} replicates` },
  );
}
