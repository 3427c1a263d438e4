import { describeVersionedStore } from '../../lib/testing/index.js';
import { RedisCluster } from '../support/redis-cluster.js';
import { describeRedis } from '../support/redis-server.js';
import { openRedisStore } from '../support/redis-store.js';
import { replicationConfig } from '../support/replicated-redis.js';

describeRedis('a real cluster whose replicas are waited for', () => {
  let cluster: RedisCluster;
  beforeAll(async () => {
    cluster = await RedisCluster.start({ replicas: 1, config: replicationConfig });
  }, 60_000);
  afterAll(() => cluster.stop());

  describeVersionedStore(
    'RedisStore',
    async (lifetime) => {
      const ports = cluster.nodes.map(({ port }) => port);
      const durability = { replicas: 1, timeoutMs: 1000 };
      const opened = await openRedisStore({ cluster: { ports } }, lifetime, durability);
      const { store, other } = opened;
      return {
        store,
        setForeign: async (key, value) => void (await other.set(key, value)),
        getRaw: async (key) => (await other.get(key)) ?? undefined,
        close: () => opened.close(),
      };
    },
    undefined,
    { keepsTurns: true },
  );
});
