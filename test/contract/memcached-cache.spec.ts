import { MemcachedCache } from '../../lib/memcached/memcached-cache.js';
import { systemClock } from '../../lib/store/clock.js';
import { describeMemcached, MemcachedServer } from '../support/memcached-server.js';
import { describeSingleKeyCache, untilIn } from '../support/single-key-cache-contract.js';

describeMemcached('a real Memcached', () => {
  let servers: readonly MemcachedServer[] = [];

  async function startServers(count: number): Promise<void> {
    servers = await Promise.all(Array.from({ length: count }, () => MemcachedServer.start()));
  }

  async function open(): Promise<MemcachedCache> {
    const cache = new MemcachedCache(
      { servers: servers.map(({ address }) => address) },
      systemClock,
    );
    await cache.open(untilIn());
    return cache;
  }

  describe.each([1, 2])('of %d servers', (count) => {
    beforeAll(() => startServers(count));
    afterAll(() => Promise.all(servers.map((server) => server.stop())));

    describeSingleKeyCache('MemcachedCache', async () => {
      const [cache, other] = [await open(), await open()];
      return {
        cache,
        other,
        pause: async () => void (await Promise.all(servers.map((server) => server.silence()))),
        resume: () => servers.forEach((server) => server.resume()),
        close: async () => void (await Promise.all([cache.close(), other.close()])),
      };
    });
  });
});
