import {
  accountIds,
  BankWorkload,
  openingAmount,
  type BankReport,
} from '../support/bank-workload.js';
import { DurabilityNotReachedError } from '../../lib/index.js';
import { errorOf } from '../support/outcome.js';
import { Account, accountKey, commitCountIn } from '../support/entities.js';
import { LibraryCopy } from '../support/library-copy.js';
import { poll } from '../support/poll.js';
import { RedisSentinels } from '../support/redis-sentinels.js';
import { describeRedis, type RedisServer } from '../support/redis-server.js';
import { ReplicatedRedis } from '../support/replicated-redis.js';
import { withSeed, type SeededRandom } from '../support/seeded-random.js';
import { TestRuntime } from '../support/test-runtime.js';

const accounts = 12;
const timeoutMs = 6000;
const durability = { replicas: 1, timeoutMs: 500 };

describeRedis('a bank behind Sentinel', () => {
  let redis: ReplicatedRedis;
  let sentinels: RedisSentinels;
  let library: LibraryCopy;
  let runtime: TestRuntime;

  beforeAll(() => {
    library = LibraryCopy.create();
  });

  afterAll(() => library.remove());

  beforeEach(async () => {
    redis = await ReplicatedRedis.start({ replicas: 2 });
    sentinels = await RedisSentinels.start(redis);
    runtime = await TestRuntime.open({ redis: sentinels.addresses, durability });
    await BankWorkload.openAccounts(runtime, accounts);
  }, 60_000);

  afterEach(async () => {
    await runtime.close();
    await sentinels.stop();
    await redis.stop();
  });

  /** Runs the bank in two processes; while they work, the master goes, and another one takes over. */
  async function underLoad(
    random: SeededRandom,
    failOver: (master: RedisServer) => Promise<void>,
  ): Promise<BankReport[]> {
    const config = {
      sentinels: sentinels.addresses,
      durability,
      accounts,
      concurrency: 6,
      timeoutMs,
    };
    const start = () => {
      const seed = random.integer(2 ** 31);
      return library.start('test/workers/bank.ts', { ...config, calls: 1_000_000, seed });
    };
    const runs = [start(), start()];
    await moreCommits(300);
    await failOver(redis.master);
    await moreCommits(300);
    for (const run of runs) run.stop();
    return Promise.all(runs.map(({ report }) => report)) as Promise<BankReport[]>;
  }

  /** What the new master shows. */
  async function found(reports: readonly BankReport[]): Promise<object> {
    const all = await runtime.repository(Account).findManyOrFail(accountIds(accounts));
    const port = await sentinels.masterOtherThan(redis.master);
    const master = redis.replicas.find((replica) => replica.port === port)!;
    const texts = await Promise.all(
      accountIds(accounts).map((id) => master.command('GET', accountKey(id))),
    );
    const versions = texts.reduce((sum: number, text) => sum + commitCountIn(text), 0);
    const commits = reports.reduce((sum, report) => sum + report.commits, 0);
    return {
      balance: all.reduce((sum, { balance }) => sum + balance, 0),
      points: all.reduce((sum, { points }) => sum + points, 0),
      surplusVersions: versions - accounts - 2 * commits,
      unknown: reports.reduce((sum, { unknown }) => sum + unknown, 0),
    };
  }

  const exact = {
    balance: accounts * openingAmount,
    points: accounts * openingAmount,
    surplusVersions: 0,
    unknown: 0,
  };

  it('keeps every acknowledged commit when the master is killed', async () => {
    await withSeed('Sentinel and a killed master', async (random) => {
      const reports = await underLoad(random, async (master) => {
        await master.kill();
        await sentinels.masterOtherThan(master);
      });

      expect(await found(reports)).toEqual(exact);
    });
  }, 90_000);

  it('keeps every acknowledged commit when the master is paused and comes back', async () => {
    await withSeed('Sentinel and a paused master', async (random) => {
      const reports = await underLoad(random, async (master) => {
        master.pause();
        await sentinels.masterOtherThan(master);
        await moreCommits(100);
        // It still takes itself for the master.
        master.resume();
      });

      expect(await found(reports)).toEqual(exact);
    });
  }, 90_000);

  it('waits for no Sentinel and no master that says nothing, and leaves one that is a master no more', async () => {
    const options = { redis: sentinels.addresses, commandTimeoutMs: 400 };
    sentinels.servers[0]!.pause();
    const plain = await TestRuntime.open(options);
    sentinels.servers[0]!.resume();

    redis.master.pause();
    const late = await TestRuntime.open(options);
    await insert(late, 'late');
    await late.close();
    await sentinels.masterOtherThan(redis.master);

    // Those who said nothing meanwhile still have their connections to it.
    redis.master.resume();
    await redis.master.command('SET', 'still', 'a master');
    expect(await errorOf(insert(runtime, 'unheard'))).toBeInstanceOf(DurabilityNotReachedError);
    await insert(runtime, 'heard');
    const accounts = runtime.repository(Account);
    expect(await accounts.exists('heard')).toBe(true);
    expect(await accounts.exists('unheard')).toBe(false);

    await redis.master.command('CONFIG', 'SET', 'min-replicas-to-write', '1');
    await insert(plain, 'refused first');
    expect(await accounts.exists('refused first')).toBe(true);
    await plain.close();
  }, 60_000);

  function insert(through: TestRuntime, id: string): Promise<Account> {
    const work = () => through.repository(Account).insert({ id, balance: 7, points: 0 });
    return through.manager.run(work, { timeoutMs });
  }

  async function moreCommits(count: number): Promise<void> {
    const before = await commitsSoFar();
    await poll(async () => ((await commitsSoFar()) > before + count ? true : undefined), {
      deadlineMs: 20_000,
      intervalMs: 20,
      until: `${count} more are committed`,
    });
  }

  async function commitsSoFar(): Promise<number> {
    const repository = runtime.repository(Account);
    // A look that is validated finds no moment in which nothing changes.
    const look = () => Promise.all(accountIds(accounts).map((id) => repository.peek(id)));
    const found = await runtime.manager.run(look, { timeoutMs });
    return found.reduce((sum, one) => sum + commitCountIn(repository.versionOf(one!)), 0);
  }
});
