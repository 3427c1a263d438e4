import { describeIgnite, IgniteCluster } from './ignite-cluster.js';
import { describeMemcached, MemcachedServer } from './memcached-server.js';
import { describeRedis, RedisServer } from './redis-server.js';

interface Started {
  /** The variable that names it to a sample. */
  readonly variable: string;
  readonly value: string;
  stop(): Promise<void>;
}

const SERVERS = [
  [
    'Redis',
    describeRedis,
    async (): Promise<Started> => {
      const redis = await RedisServer.start();
      return { variable: 'REDIS_URL', value: redis.url, stop: () => redis.stop() };
    },
  ],
  [
    'Memcached',
    describeMemcached,
    async (): Promise<Started> => {
      const memcached = await MemcachedServer.start({ args: ['-I', '8m'] });
      const stop = (): Promise<void> => memcached.stop();
      return { variable: 'MEMCACHED_SERVERS', value: memcached.address, stop };
    },
  ],
  [
    'Ignite',
    describeIgnite,
    async (): Promise<Started> => {
      const ignite = await IgniteCluster.start();
      const value = ignite.endpoints.join(',');
      return { variable: 'IGNITE_ENDPOINTS', value, stop: () => ignite.stop() };
    },
  ],
] as const;

/** What a sample promises, on each store that one variable of the environment chooses. */
export function describeOnEveryStore(sample: string, describePromises: () => void): void {
  describe(`${sample} on the embedded store`, describePromises);

  for (const [kind, describeServer, start] of SERVERS) {
    describeServer(`${sample} on ${kind}`, () => {
      let started: Started;

      beforeAll(async () => {
        started = await start();
        process.env[started.variable] = started.value;
      }, 90_000);
      afterAll(async () => {
        delete process.env[started.variable];
        await started.stop();
      });

      describePromises();
    });
  }
}
