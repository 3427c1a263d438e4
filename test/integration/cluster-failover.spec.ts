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
import { linkedUp, replicationConfig } from '../support/replicated-redis.js';
import { withSeed, type SeededRandom } from '../support/seeded-random.js';
import { TestRuntime } from '../support/test-runtime.js';

const accounts = 12;
/** Longer than the cluster takes to notice and to elect. */
const timeoutMs = 8000;
const durability = { replicas: 1, timeoutMs: 500 };
const keys = accountIds(accounts).map(accountKey);

describeRedis('a bank on a cluster that loses masters', () => {
  let cluster: RedisCluster;
  let client: Cluster;
  let library: LibraryCopy;
  let runtime: TestRuntime;

  beforeAll(async () => {
    library = LibraryCopy.create();
    const config = { ...replicationConfig, 'cluster-node-timeout': '1000' };
    cluster = await RedisCluster.start({ replicas: 1, config });
    client = clusterClient({ ports: cluster.nodes.map(({ port }) => port) });
    await client.connect();
    runtime = await TestRuntime.open({ redis: client, durability });
    await BankWorkload.openAccounts(runtime, accounts);
  }, 60_000);

  afterAll(async () => {
    await runtime.close();
    library.remove();
    client.disconnect();
    await cluster.stop();
  });

  /** Runs the bank in two processes; while they work, a master goes, and its replica takes over. */
  async function underLoad(
    random: SeededRandom,
    failOver: (master: RedisServer, slot: number) => Promise<void>,
  ): Promise<object> {
    const versionsBefore = await commitCount();
    const ports = cluster.nodes.map(({ port }) => port);
    const config = { cluster: { ports }, durability, accounts, concurrency: 6, timeoutMs };
    const start = () => {
      const seed = random.integer(2 ** 31);
      return library.start('test/workers/bank.ts', { ...config, calls: 1_000_000, seed });
    };
    const runs = [start(), start()];
    await moreCommits(200);
    const slot = slotOf(random.pick(keys));
    await failOver(await cluster.masterOf(slot), slot);
    await moreCommits(200);
    for (const run of runs) run.stop();
    const reports = (await Promise.all(runs.map(({ report }) => report))) as BankReport[];
    await nothingLeft();
    const commits = reports.reduce((sum, report) => sum + report.commits, 0);
    const found = await runtime.repository(Account).findManyOrFail(accountIds(accounts));
    return {
      balance: found.reduce((sum, { balance }) => sum + balance, 0),
      points: found.reduce((sum, { points }) => sum + points, 0),
      surplusVersions: (await commitCount()) - versionsBefore - 2 * commits,
      unknown: reports.reduce((sum, { unknown }) => sum + unknown, 0),
    };
  }

  const exact = {
    balance: accounts * openingAmount,
    points: accounts * openingAmount,
    surplusVersions: 0,
    unknown: 0,
  };

  it('keeps every acknowledged commit when a master is killed and its replica takes over', async () => {
    await withSeed('cluster bank and a killed master', async (random) => {
      const found = await underLoad(random, async (master, slot) => {
        await master.kill();
        await cluster.takenOver(slot, master);
        await master.restart();
        await linkedUp(master);
      });

      expect(found).toEqual(exact);
    });
  }, 90_000);

  it('keeps every acknowledged commit when a master is paused and comes back as a replica', async () => {
    await withSeed('cluster bank and a paused master', async (random) => {
      const found = await underLoad(random, async (master, slot) => {
        master.pause();
        await cluster.takenOver(slot, master);
        master.resume();
        await linkedUp(master);
      });

      expect(found).toEqual(exact);
    });
  }, 90_000);

  async function moreCommits(count: number): Promise<void> {
    const before = await commitCount();
    await poll(async () => ((await commitCount()) > before + count ? true : undefined), {
      deadlineMs: 20_000,
      intervalMs: 20,
      until: `${count} more are committed`,
    });
  }

  async function commitCount(): Promise<number> {
    const repository = runtime.repository(Account);
    // A look that is validated finds no moment in which nothing changes.
    const look = () => Promise.all(accountIds(accounts).map((id) => repository.peek(id)));
    const found = await runtime.manager.run(look, { timeoutMs });
    return found.reduce((sum, one) => sum + commitCountIn(repository.versionOf(one!)), 0);
  }

  async function nothingLeft(): Promise<void> {
    await poll(
      async () => {
        const texts = await Promise.all(keys.map((key) => client.get(key)));
        return texts.some((text) => text!.split('|')[0]!.includes('*')) ? undefined : true;
      },
      { deadlineMs: 10_000, intervalMs: 50, until: 'no lock is left' },
    );
  }
});
