import { ignite } from 'nestjs-distributed-tx/ignite';
import { IgniteCache } from '../../lib/ignite/ignite-cache.js';
import { systemClock } from '../../lib/store/clock.js';
import { describeVersionedStore, type StoreFactory } from '../../lib/testing/index.js';
import { describeIgnite, IgniteCluster } from '../support/ignite-cluster.js';
import { describeSingleKeyCache, untilIn } from '../support/single-key-cache-contract.js';
import { rawOf, setRaw } from '../support/single-key-texts.js';

describeIgnite('a real Ignite of two nodes', () => {
  let cluster: IgniteCluster;
  let other: IgniteCache;

  beforeAll(async () => {
    cluster = await IgniteCluster.start();
    other = await open();
  }, 90_000);

  afterAll(async () => {
    await other.close();
    await cluster.stop();
  });

  async function open(): Promise<IgniteCache> {
    const { endpoints } = cluster;
    const cache = new IgniteCache({ endpoints }, systemClock);
    await cache.open(untilIn(10_000));
    return cache;
  }

  describeSingleKeyCache('IgniteCache', async () => {
    const [one, two] = [await open(), await open()];
    return {
      cache: one,
      other: two,
      pause: async () => void (await Promise.all(cluster.nodes.map((node) => node.silence()))),
      resume: () => cluster.nodes.forEach((node) => node.resume()),
      close: async () => void (await Promise.all([one.close(), two.close()])),
    };
  });

  const create: StoreFactory = async (lifetime) => {
    const store = ignite({ endpoints: cluster.endpoints })({
      name: 'default',
      clock: systemClock,
      lifetime,
      amongOthers: false,
      connectTimeoutMs: 10_000,
    });
    await store.open();
    return {
      store,
      setForeign: (key, value) => setRaw(other, key, value),
      getRaw: (key) => rawOf(other, key),
      close: () => store.close(),
    };
  };
  describeVersionedStore('SingleKeyStore', create, undefined, { decidesBesideItems: false });
});
