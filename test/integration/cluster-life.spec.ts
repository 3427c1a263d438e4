import type { Cluster } from 'ioredis';
import { slotOf } from '../../lib/store/hash-slot.js';
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
import { describeRedis, type RedisServer } from '../support/redis-server.js';
import { withSeed, type SeededRandom } from '../support/seeded-random.js';
import { TestRuntime } from '../support/test-runtime.js';

const accounts = 12;

describeRedis('a bank on a cluster that changes under load', () => {
  let cluster: RedisCluster;
  let client: Cluster;
  let library: LibraryCopy;
  let runtime: TestRuntime;

  beforeAll(async () => {
    library = LibraryCopy.create();
    cluster = await RedisCluster.start({ replicas: 1 });
    client = clusterClient({ ports: cluster.nodes.map(({ port }) => port) });
    await client.connect();
  }, 60_000);

  afterAll(async () => {
    library.remove();
    client.disconnect();
    await cluster.stop();
  });

  beforeEach(async () => {
    for (const node of await masters()) await node.command('FLUSHALL');
    runtime = await TestRuntime.open({ redis: client });
    await BankWorkload.openAccounts(runtime, accounts);
  });

  afterEach(async () => {
    await runtime.close();
  });

  async function masters(): Promise<RedisServer[]> {
    const roles = await Promise.all(cluster.nodes.map((node) => node.command('ROLE')));
    return cluster.nodes.filter((_, nth) => (roles[nth] as unknown[])[0] === 'master');
  }

  function start(random: SeededRandom, calls: number) {
    const ports = cluster.nodes.map(({ port }) => port);
    const config = { cluster: { ports }, accounts, calls, concurrency: 6 };
    return library.start('test/workers/bank.ts', { ...config, seed: random.integer(2 ** 31) });
  }

  /** Runs the bank in two processes and changes the cluster as long as they work. */
  async function underLoad(random: SeededRandom, change: () => Promise<void>): Promise<number> {
    const runs = [start(random, 700), start(random, 700)];
    const ended = Promise.all(runs.map(({ report }) => report)) as Promise<BankReport[]>;
    let working = true;
    const stop = (): void => void (working = false);
    ended.then(stop, stop);
    let changes = 0;
    while (working) {
      await change();
      changes += 1;
    }
    const reports = await ended;
    expect(reports.map(({ unknown }) => unknown)).toEqual([0, 0]);
    await expectSums(reports.reduce((sum, { commits }) => sum + commits, 0));
    return changes;
  }

  async function expectSums(commits: number): Promise<void> {
    const all = await runtime.repository(Account).findManyOrFail(accountIds(accounts));
    expect(all.reduce((sum, { balance }) => sum + balance, 0)).toBe(accounts * openingAmount);
    expect(all.reduce((sum, { points }) => sum + points, 0)).toBe(accounts * openingAmount);
    const texts = await poll(
      async () => {
        const keys = accountIds(accounts).map(accountKey);
        const found = await Promise.all(keys.map(async (key) => String(await client.get(key))));
        return found.some((text) => text.split('|')[0]!.includes('*')) ? undefined : found;
      },
      { deadlineMs: 10_000, intervalMs: 50, until: 'no lock is left' },
    );
    const versions = texts.reduce((sum, text) => sum + commitCountIn(text), 0);
    expect(versions).toBe(accounts + 2 * commits);
  }

  it('keeps its sums and counts while slots with its accounts move', async () => {
    await withSeed('moving slots', async (random) => {
      const slots = accountIds(accounts).map((id) => slotOf(accountKey(id)));
      const moves = await underLoad(random, async () => {
        const slot = random.pick(slots);
        const source = await cluster.masterOf(slot);
        const target = random.pick((await masters()).filter((node) => node !== source));
        await cluster.moveSlot(slot, source, target);
      });
      expect(moves).toBeGreaterThan(10);
    });
  }, 120_000);

  it('keeps its sums and counts while replicas take over', async () => {
    await withSeed('planned failovers', async (random) => {
      const failovers = await underLoad(random, async () => {
        const current = await masters();
        const replica = random.pick(cluster.nodes.filter((node) => !current.includes(node)));
        await cluster.failOver(replica);
      });
      expect(failovers).toBeGreaterThan(1);
    });
  }, 120_000);
});
