import client from 'apache-ignite-client';
import { ignite } from 'nestjs-distributed-tx/ignite';
import { StoreRefusedError, StoreUnavailableError } from '../../lib/errors/index.js';
import { IgniteCache } from '../../lib/ignite/ignite-cache.js';
import { systemClock } from '../../lib/store/clock.js';
import { CommitReplyLostError } from '../../lib/store/versioned-store.js';
import { freePort } from '../support/free-port.js';
import { describeIgnite, IgniteCluster } from '../support/ignite-cluster.js';
import { poll } from '../support/poll.js';

const until = (ms = 20_000): number => systemClock.now() + ms;

describe('the options of ignite()', () => {
  it.each([
    [{ endpoints: [] }, 'endpoints'],
    [{ endpoints: ['somewhere'] }, 'somewhere'],
    [{ endpoints: ['a:1'], cache: '' }, 'cache'],
    [{ endpoints: ['a:1'], backups: 0 }, 'backups'],
  ])('are refused by name: %j', (options, name) => {
    expect(() => ignite(options)).toThrow(name);
  });
});

describeIgnite('a cluster of Ignite', () => {
  let cluster: IgniteCluster;
  const opened: IgniteCache[] = [];

  beforeAll(async () => {
    cluster = await IgniteCluster.start();
  }, 90_000);
  afterAll(() => cluster.stop());
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((cache) => cache.close()));
  });

  async function open(options: { cache?: string; endpoints?: readonly string[] } = {}) {
    const cache = new IgniteCache({ endpoints: cluster.endpoints, ...options }, systemClock);
    opened.push(cache);
    await cache.open(until());
    return cache;
  }

  /** A cache that somebody made otherwise. */
  async function make(name: string, mode: number, backups: number): Promise<void> {
    const other = new client();
    await other.connect(new client.IgniteClientConfiguration(...cluster.endpoints));
    const configuration = new client.CacheConfiguration()
      .setCacheMode(2)
      .setAtomicityMode(1)
      .setReadFromBackup(false)
      .setPartitionLossPolicy(2)
      .setBackups(backups)
      .setWriteSynchronizationMode(mode);
    await other.getOrCreateCache(name, configuration);
    other.disconnect();
  }

  it.each([
    ['waits for the first copy only', 2, 1, 'writeSynchronizationMode'],
    ['has no copies', 0, 0, 'backups'],
  ])('refuses a cache that %s', async (_, mode, backups, named) => {
    const name = `made-otherwise-${mode}-${backups}`;
    await make(name, mode, backups);

    const opening = open({ cache: name });

    await expect(opening).rejects.toThrow(StoreRefusedError);
    await expect(opening).rejects.toThrow(named);
  });

  it('refuses at once to open on a cluster that is not active, and says what to do', async () => {
    const inactive = await IgniteCluster.start(1, 'INACTIVE');
    const cache = new IgniteCache({ endpoints: inactive.endpoints }, systemClock);
    try {
      const end = until(10_000);

      const opening = cache.open(end);

      await expect(opening).rejects.toThrow(StoreRefusedError);
      await expect(opening).rejects.toThrow('Activate the cluster');
      expect(systemClock.now()).toBeLessThan(end);
    } finally {
      await cache.close();
      await inactive.stop();
    }
  }, 90_000);

  it('says where nothing listens', async () => {
    const endpoint = `127.0.0.1:${await freePort()}`;
    const cache = new IgniteCache({ endpoints: [endpoint] }, systemClock);

    const opening = cache.open(until(300));

    await expect(opening).rejects.toThrow(StoreUnavailableError);
    await expect(opening).rejects.toThrow(endpoint);
    await cache.close();
  });

  it('reaches a node that comes back, and one that is there instead', async () => {
    const nowhere = `127.0.0.1:${await freePort()}`;
    const cache = await open({ endpoints: [nowhere, ...cluster.endpoints] });

    expect(await cache.add('instead', 'text', undefined, until())).toEqual({ text: 'text' });
  });

  it('keeps texts that look like numbers what they are', async () => {
    const cache = await open();
    const [key] = [`number-${systemClock.now()}`];
    const seen = await cache.add(key, '1', undefined, until());

    expect(await cache.replace(key, { text: '1.0' }, '2', undefined, until())).toBeUndefined();
    expect(await cache.replace(key, seen!, '2', undefined, until())).toEqual({ text: '2' });
  });

  it('keeps what it has acknowledged when a node is killed, and goes on', async () => {
    const cache = await open();
    const texts = Array.from({ length: 200 }, (_, nth) => `kill-${nth}`);
    const acknowledged = new Set<string>();
    const [victim] = cluster.nodes;
    const killed = poll(() => (acknowledged.size >= 50 ? true : undefined), {
      deadlineMs: 10_000,
      intervalMs: 1,
      until: 'some are acknowledged',
    }).then(() => victim!.kill());
    const write = async (text: string): Promise<void> => {
      await cache.add(text, text, undefined, until());
      acknowledged.add(text);
    };
    // Of those that were under way nobody knows; those that come later go to the other node.
    const before = texts.slice(0, 100).map((text) => write(text).catch(() => undefined));
    await killed;
    await Promise.all([...before, ...texts.slice(100).map(write)]);

    const found = await cache.get(texts, until());

    const there = new Set(found.flatMap((seen) => (seen === undefined ? [] : [seen.text])));
    expect([...acknowledged].filter((text) => !there.has(text))).toEqual([]);
    expect(acknowledged.size).toBeGreaterThanOrEqual(150);
    await victim!.start();
  }, 90_000);

  it('does not know what became of a write that was not answered, and finds out by looking', async () => {
    const cache = await open();
    const key = `silent-${systemClock.now()}`;
    await Promise.all(cluster.nodes.map((node) => node.silence()));

    const adding = cache.add(key, 'late', undefined, until(500));

    await expect(adding).rejects.toThrow(CommitReplyLostError);
    cluster.nodes.forEach((node) => node.resume());
    const [seen] = await cache.get([key], until());
    expect([undefined, 'late']).toContain(seen?.text);
  }, 60_000);
});
