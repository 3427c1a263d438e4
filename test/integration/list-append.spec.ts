import { describeAnomalies } from '../support/history/index.js';
import { LibraryCopy } from '../support/library-copy.js';
import { countOf, faultsMade, judge, runListAppend } from '../support/list-append-run.js';
import { ListAppendWorkload } from '../support/list-append-workload.js';
import { RedisCluster } from '../support/redis-cluster.js';
import { describeRedis, RedisServer } from '../support/redis-server.js';
import { withSeed } from '../support/seeded-random.js';
import { TestRuntime } from '../support/test-runtime.js';

describe('list-append on the embedded store', () => {
  it('is strictly serializable for transactions that overlap', async () => {
    await withSeed('embedded list-append', async (random) => {
      const runtime = await TestRuntime.open({ store: 'embedded' });
      await ListAppendWorkload.prepare(runtime);
      const workload = new ListAppendWorkload({
        runtime,
        random,
        transactions: 6000,
        concurrency: 12,
        worker: { index: 0, count: 1 },
        timeoutMs: 20_000,
      });

      await workload.run();

      const { history, anomalies, miscounted } = await judge(runtime, [workload.report()]);
      expect(describeAnomalies(anomalies)).toBe('');
      expect(miscounted).toBe(0);
      expect(countOf(history, 'ok')).toBe(6000);
      await runtime.close();
    });
  });
});

describeRedis('list-append on Redis, from two processes', () => {
  let server: RedisServer;
  let library: LibraryCopy;

  beforeAll(async () => {
    library = LibraryCopy.create();
    server = await RedisServer.start();
  });

  afterAll(async () => {
    library.remove();
    await server.stop();
  });

  beforeEach(async () => {
    await server.command('FLUSHALL');
  });

  it('is strictly serializable without faults', async () => {
    await withSeed('list-append without faults', async (random) => {
      const size = { transactions: 8000, processes: 2, faults: 0 };
      const verdict = await runListAppend({ library, servers: [server], random, ...size });
      expect(describeAnomalies(verdict.anomalies)).toBe('');
      expect(verdict.miscounted).toBe(0);
      expect(countOf(verdict.history, 'ok')).toBeGreaterThan(7900);
    });
  }, 90_000);

  it('is strictly serializable while connections are cut and commits arrive late', async () => {
    await withSeed('list-append with faults', async (random) => {
      const size = { transactions: 14_000, processes: 2, faults: 0.01 };
      const verdict = await runListAppend({ library, servers: [server], random, ...size });
      expect(describeAnomalies(verdict.anomalies)).toBe('');
      expect(verdict.miscounted).toBe(0);
      expect(verdict.history).toHaveLength(14_000);
      expect(countOf(verdict.history, 'ok')).toBeGreaterThan(12_000);
      // How many there are depends on the seed and on how long the machine takes.
      expect(faultsMade(verdict)).toBeGreaterThan(75);
    });
  }, 120_000);
});

describeRedis('list-append over all nodes of a cluster, from two processes', () => {
  let cluster: RedisCluster;
  let library: LibraryCopy;

  beforeAll(async () => {
    library = LibraryCopy.create();
    cluster = await RedisCluster.start();
  });

  afterAll(async () => {
    library.remove();
    await cluster.stop();
  });

  beforeEach(() => Promise.all(cluster.nodes.map((node) => node.command('FLUSHALL'))));

  it('is strictly serializable without faults', async () => {
    await withSeed('list-append on a cluster', async (random) => {
      const size = { transactions: 4000, processes: 2, faults: 0 };
      const verdict = await runListAppend({ library, servers: cluster.nodes, random, ...size });
      expect(describeAnomalies(verdict.anomalies)).toBe('');
      expect(verdict.miscounted).toBe(0);
      expect(countOf(verdict.history, 'ok')).toBeGreaterThan(3900);
    });
  }, 90_000);

  it('is strictly serializable while connections are cut and steps arrive late', async () => {
    await withSeed('list-append on a cluster with faults', async (random) => {
      const size = { transactions: 4000, processes: 2, faults: 0.004 };
      const verdict = await runListAppend({ library, servers: cluster.nodes, random, ...size });
      expect(describeAnomalies(verdict.anomalies)).toBe('');
      expect(verdict.miscounted).toBe(0);
      expect(verdict.history).toHaveLength(4000);
      expect(countOf(verdict.history, 'ok')).toBeGreaterThan(3000);
      expect(faultsMade(verdict)).toBeGreaterThan(50);
    });
  }, 150_000);
});
