import { describeVersionedStore } from '../../lib/testing/index.js';
import { openRedisStore } from '../support/redis-store.js';
import { describeRedis, RedisServer } from '../support/redis-server.js';

describeRedis('a real Redis', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await RedisServer.start();
  });
  afterAll(() => server.stop());

  describeVersionedStore('RedisStore', async (lifetime) => {
    const opened = await openRedisStore(server.url, lifetime);
    const { store, other } = opened;
    return {
      store,
      setForeign: async (key, value) => void (await other.set(key, value)),
      getRaw: async (key) => (await other.get(key)) ?? undefined,
      close: () => opened.close(),
    };
  });
});
