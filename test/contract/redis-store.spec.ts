import type { StoreFactory } from '../../lib/testing/index.js';
import { describeVersionedStore } from '../../lib/testing/index.js';
import type { ServersConfig } from '../support/cluster-client.js';
import { RedisCluster } from '../support/redis-cluster.js';
import { openRedisStore } from '../support/redis-store.js';
import { describeRedis, RedisServer } from '../support/redis-server.js';

function storeOn(servers: () => ServersConfig): StoreFactory {
  return async (lifetime) => {
    const opened = await openRedisStore(servers(), lifetime);
    const { store, other } = opened;
    return {
      store,
      setForeign: async (key, value) => void (await other.set(key, value)),
      getRaw: async (key) => (await other.get(key)) ?? undefined,
      close: () => opened.close(),
    };
  };
}

describeRedis('a real Redis', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await RedisServer.start();
  });
  afterAll(() => server.stop());

  describeVersionedStore(
    'RedisStore',
    storeOn(() => ({ url: server.url })),
    undefined,
    { keepsTurns: true },
  );
});

describeRedis('a real cluster', () => {
  let cluster: RedisCluster;
  beforeAll(async () => {
    cluster = await RedisCluster.start();
  }, 60_000);
  afterAll(() => cluster.stop());

  describeVersionedStore(
    'RedisStore',
    storeOn(() => ({ cluster: { ports: cluster.nodes.map(({ port }) => port) } })),
    undefined,
    { keepsTurns: true },
  );
});
