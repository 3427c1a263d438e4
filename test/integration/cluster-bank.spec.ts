import type { Cluster } from 'ioredis';
import {
  accountIds,
  BankWorkload,
  openingAmount,
  type BankReport,
} from '../support/bank-workload.js';
import { clusterClient } from '../support/cluster-client.js';
import { Account, accountKey, commitCountIn } from '../support/entities.js';
import { LibraryCopy } from '../support/library-copy.js';
import { poll } from '../support/poll.js';
import { RedisCluster } from '../support/redis-cluster.js';
import { describeRedis } from '../support/redis-server.js';
import { withSeed, type SeededRandom } from '../support/seeded-random.js';
import { TestRuntime } from '../support/test-runtime.js';

const accounts = 12;
/** Of transactions whose process is killed: so long may others have to wait for them. */
const lifetimeMs = 1500;

describeRedis('a bank over all nodes of a cluster', () => {
  let cluster: RedisCluster;
  let client: Cluster;
  let library: LibraryCopy;
  let runtime: TestRuntime;

  beforeAll(async () => {
    library = LibraryCopy.create();
    const config = { appendonly: 'yes', appendfsync: 'always' };
    cluster = await RedisCluster.start({ config });
    client = clusterClient({ ports: ports() });
    await client.connect();
  });

  afterAll(async () => {
    library.remove();
    client.disconnect();
    await cluster.stop();
  });

  beforeEach(async () => {
    await Promise.all(cluster.nodes.map((node) => node.command('FLUSHALL')));
    runtime = await TestRuntime.open({ redis: client });
    await BankWorkload.openAccounts(runtime, accounts);
  });

  afterEach(async () => {
    await runtime.close();
  });

  function ports(): number[] {
    return cluster.nodes.map(({ port }) => port);
  }

  function start(random: SeededRandom, calls: number, timeoutMs = 20_000) {
    const config = { cluster: { ports: ports() }, accounts, calls, concurrency: 8, timeoutMs };
    return library.start('test/workers/bank.ts', { ...config, seed: random.integer(2 ** 31) });
  }

  async function rawAccounts(): Promise<string[]> {
    const ids = accountIds(accounts);
    return Promise.all(ids.map(async (id) => String(await client.get(accountKey(id)))));
  }

  /** Locks that stand on accounts, and journals that are not empty. */
  async function leftovers(): Promise<string[]> {
    const locked = (await rawAccounts()).filter((text) => text.split('|')[0]!.includes('*'));
    const keys = await Promise.all(
      cluster.nodes.map((node) => node.command('KEYS', 'dtx:*:journal:*')),
    );
    return [...locked, ...keys.flatMap((found) => found as string[])];
  }

  async function expectSums(): Promise<void> {
    const all = await runtime.repository(Account).findManyOrFail(accountIds(accounts));
    expect(all.reduce((sum, { balance }) => sum + balance, 0)).toBe(accounts * openingAmount);
    expect(all.reduce((sum, { points }) => sum + points, 0)).toBe(accounts * openingAmount);
    expect(all.every(({ points }) => points >= 0)).toBe(true);
  }

  async function expectNothingLeft(deadlineMs: number): Promise<void> {
    await poll(async () => ((await leftovers()).length === 0 ? true : undefined), {
      deadlineMs,
      intervalMs: 50,
      until: 'no lock and no journal is left',
    });
  }

  it('never shows a wrong sum, and the versions count every commit exactly', async () => {
    await withSeed('cluster bank from two processes', async (random) => {
      const runs = [start(random, 1200), start(random, 1200)];
      const reports = (await Promise.all(runs.map(({ report }) => report))) as BankReport[];

      await expectSums();
      await expectNothingLeft(5000);
      const versions = (await rawAccounts()).reduce((sum, text) => sum + commitCountIn(text), 0);
      const commits = reports.reduce((sum, report) => sum + report.commits, 0);
      expect(versions).toBe(accounts + 2 * commits);
      expect(reports.map(({ unknown }) => unknown)).toEqual([0, 0]);
      for (const report of reports) expect(report.audits).toBeGreaterThan(100);
    });
  }, 120_000);

  it('keeps its sums, and leaves nothing behind, when processes are killed', async () => {
    await withSeed('cluster bank with killed processes', async (random) => {
      const steady = start(random, 1500, lifetimeMs);
      for (let kill = 0; kill < 6; kill += 1) {
        const victim = start(random, 1_000_000, lifetimeMs);
        victim.report.catch(() => undefined);
        const enough = (await commitsSoFar()) + 100 + random.integer(200);
        await poll(async () => ((await commitsSoFar()) > enough ? true : undefined), {
          deadlineMs: 20_000,
          intervalMs: 5,
          until: 'the process to be killed has committed',
        });
        victim.child.kill('SIGKILL');
      }
      const report = (await steady.report) as BankReport;

      expect(report.unknown).toBe(0);
      expect(report.audits).toBeGreaterThan(100);
      await expectSums();
      // Nothing may stay much longer than the last deadline and what it takes to be thought dead.
      await expectNothingLeft(lifetimeMs + 8000);
      await expectSums();
    });
  }, 120_000);

  /** None, as long as a node is away. */
  async function commitsSoFar(): Promise<number> {
    try {
      return (await rawAccounts()).reduce((sum, text) => sum + commitCountIn(text), 0);
    } catch {
      return 0;
    }
  }

  it('keeps its sums when masters are killed and come back', async () => {
    await withSeed('cluster bank with killed masters', async (random) => {
      const runs = [start(random, 900), start(random, 900)];
      const ended = Promise.all(runs.map(({ report }) => report)) as Promise<BankReport[]>;
      let working = true;
      void ended.finally(() => (working = false)).catch(() => undefined);
      for (let kill = 0; kill < 4 && working; kill += 1) {
        const node = random.pick(cluster.nodes);
        const enough = (await commitsSoFar()) + 60 + random.integer(100);
        await poll(async () => (!working || (await commitsSoFar()) > enough ? true : undefined), {
          deadlineMs: 30_000,
          intervalMs: 5,
          until: 'some more is committed',
        });
        await node.kill();
        await node.restart();
      }
      const reports = await ended;

      expect(reports.map(({ unknown }) => unknown)).toEqual([0, 0]);
      await expectSums();
      await expectNothingLeft(28_000);
      const versions = (await rawAccounts()).reduce((sum, text) => sum + commitCountIn(text), 0);
      const commits = reports.reduce((sum, report) => sum + report.commits, 0);
      expect(versions).toBe(accounts + 2 * commits);
    });
  }, 150_000);
});
