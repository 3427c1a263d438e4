import { StoreUnavailableError } from '../../lib/errors/index.js';
import { IgniteCache } from '../../lib/ignite/ignite-cache.js';
import { systemClock } from '../../lib/store/clock.js';
import { CommitReplyLostError } from '../../lib/store/versioned-store.js';
import { describeIgnite, IgniteCluster } from '../support/ignite-cluster.js';
import { poll } from '../support/poll.js';
import { StallingProxy } from '../support/stalling-proxy.js';

const until = (ms = 20_000): number => systemClock.now() + ms;
const MEBIBYTE = 2 ** 20;

describeIgnite('the connection to a cluster of Ignite', () => {
  let cluster: IgniteCluster;
  let proxy: StallingProxy;
  let cache: IgniteCache;
  let direct: IgniteCache;

  beforeAll(async () => {
    cluster = await IgniteCluster.start();
    direct = await opened(cluster.endpoints);
  }, 90_000);
  afterAll(async () => {
    await direct.close();
    await cluster.stop();
  });
  beforeEach(async () => {
    proxy = await StallingProxy.start(cluster.nodes[0]!.port);
    cache = await opened([`127.0.0.1:${proxy.port}`]);
  });
  afterEach(async () => {
    await cache.close();
    await proxy.close();
  });

  async function opened(endpoints: readonly string[]): Promise<IgniteCache> {
    const one = new IgniteCache({ endpoints }, systemClock);
    await one.open(until());
    return one;
  }

  it('does not send what still waits in this process when it gives a connection up', async () => {
    // More than the buffers of the system between here and there hold.
    const keys = Array.from({ length: 24 }, (_, nth) => `stalled-${systemClock.now()}-${nth}`);
    const text = 'x'.repeat(MEBIBYTE);
    const before = proxy.received;
    proxy.stall();

    const end = until(500);
    const failures = await Promise.allSettled(
      keys.map((key) => cache.add(key, text, undefined, end)),
    );

    for (const failure of failures) {
      expect(failure).toMatchObject({ reason: expect.any(CommitReplyLostError) });
    }
    proxy.resume();
    await allClosed();
    expect(proxy.received - before).toBeLessThan(keys.length * MEBIBYTE);
  });

  it('connects once after a loss, and not once more because the client does', async () => {
    proxy.mute();
    proxy.reset();

    await expect(cache.ping(until(300))).rejects.toThrow(StoreUnavailableError);

    expect(proxy.accepted).toBe(2);
    await cache.close();
    await allClosed();
  });

  it('connects no more once it is closed, whatever is still asked', async () => {
    proxy.mute();
    proxy.reset();
    const sweeping = cache.sweep(() => false, until(3000)).catch((error: unknown) => error);
    await cache.close();
    const accepted = proxy.accepted;

    expect(await sweeping).toBeInstanceOf(StoreUnavailableError);
    await expect(cache.sweep(() => false, until())).rejects.toThrow(StoreUnavailableError);
    expect(proxy.accepted).toBe(accepted);
    await allClosed();
  });

  function allClosed(): Promise<true> {
    return poll(() => (proxy.open === 0 ? true : undefined), {
      deadlineMs: 5000,
      until: 'every connection to the proxy is closed',
    });
  }
});
