import { memcached } from 'nestjs-distributed-tx/memcached';
import { systemClock } from '../../lib/store/clock.js';
import { describeVersionedStore, type StoreFactory } from '../../lib/testing/index.js';
import { describeMemcached, MemcachedServer } from '../support/memcached-server.js';
import { MemcachedCache } from '../../lib/memcached/memcached-cache.js';
import { rawOf, setRaw } from '../support/single-key-texts.js';

describeMemcached('a real Memcached', () => {
  let server: MemcachedServer;
  beforeAll(async () => {
    server = await MemcachedServer.start({ args: ['-I', '4m'] });
  });
  afterAll(() => server.stop());

  const create: StoreFactory = async (lifetime) => {
    const options = { servers: [server.address] };
    const other = new MemcachedCache(options, systemClock);
    const store = memcached(options)({
      name: 'default',
      clock: systemClock,
      lifetime,
      amongOthers: false,
      connectTimeoutMs: 5000,
    });
    await Promise.all([store.open(), other.open(systemClock.now() + 5000)]);
    return {
      store,
      setForeign: (key, value) => setRaw(other, key, value),
      getRaw: (key) => rawOf(other, key),
      close: async () => void (await Promise.all([store.close(), other.close()])),
    };
  };
  describeVersionedStore('SingleKeyStore', create, undefined, { decidesBesideItems: false });
});
