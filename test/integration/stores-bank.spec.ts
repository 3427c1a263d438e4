import { accountBook, FAR, isFar } from '../support/account-book.js';
import {
  accountIds,
  BankWorkload,
  openingAmount,
  type BankReport,
} from '../support/bank-workload.js';
import { describeIgnite, IgniteCluster } from '../support/ignite-cluster.js';
import { LibraryCopy, type ChildRun } from '../support/library-copy.js';
import { describeMemcached, MemcachedServer } from '../support/memcached-server.js';
import { poll } from '../support/poll.js';
import { describeRedis, RedisServer } from '../support/redis-server.js';
import { withSeed, type SeededRandom } from '../support/seeded-random.js';
import { storesOf, type StoreSpec, type StoreSpecs } from '../support/store-specs.js';
import { TestRuntime } from '../support/test-runtime.js';

const ACCOUNTS = 12;
const ids = accountIds(ACCOUNTS);
/** Of transactions whose process is killed: so long may others have to wait for them. */
const timeoutMs = 2000;
const concurrency = 6;

interface Server {
  readonly spec: StoreSpec;
  stop(): Promise<void>;
}

async function startRedis(): Promise<Server> {
  const redis = await RedisServer.start();
  return { spec: { redis: redis.url }, stop: () => redis.stop() };
}

async function startMemcached(): Promise<Server> {
  const memcached = await MemcachedServer.start();
  return { spec: { memcached: [memcached.address] }, stop: () => memcached.stop() };
}

async function startIgnite(): Promise<Server> {
  const ignite = await IgniteCluster.start();
  return { spec: { ignite: ignite.endpoints }, stop: () => ignite.stop() };
}

function keyOf(id: string, isSplit: boolean): string {
  return isSplit && isFar(id) ? `@${FAR}/far-account:${id}` : `account:${id}`;
}

function describeBank(title: string, startAll: readonly (() => Promise<Server>)[]): void {
  describe(`a bank on ${title}`, () => {
    const isSplit = startAll.length > 1;
    let servers: readonly Server[] = [];
    let stores: StoreSpecs;
    let library: LibraryCopy;
    let runtime: TestRuntime;

    beforeAll(async () => {
      library = LibraryCopy.create();
      servers = await Promise.all(startAll.map((start) => start()));
      const [near, far] = servers.map(({ spec }) => spec);
      stores = { default: near!, ...(far ? { [FAR]: far } : {}) };
      runtime = await TestRuntime.open({
        stores: storesOf(stores),
        // Whoever looks waits for what killed processes hold, until their time is over.
        defaults: { timeoutMs: 20_000, retry: { attempts: 1000 } },
      });
      await BankWorkload.openAccounts(runtime, ACCOUNTS, isSplit);
    }, 120_000);

    afterAll(async () => {
      await runtime.close();
      library.remove();
      await Promise.all(servers.map((server) => server.stop()));
    });

    function startTeller(random: SeededRandom, calls: number): ChildRun {
      const seed = random.integer(2 ** 31);
      const config = { stores, accounts: ACCOUNTS, calls, concurrency, timeoutMs, seed };
      return library.start('test/workers/bank.ts', config);
    }

    async function sums() {
      const found = await runtime.manager.run(() =>
        accountBook(runtime, isSplit).findManyOrFail(ids),
      );
      return {
        balance: found.reduce((sum, { balance }) => sum + balance, 0),
        points: found.reduce((sum, { points }) => sum + points, 0),
      };
    }

    async function commitCount(): Promise<number> {
      const book = accountBook(runtime, isSplit);
      const look = () => Promise.all(ids.map((id) => book.commitCountOf(id)));
      return (await runtime.manager.run(look)).reduce((sum, count) => sum + count, 0);
    }

    /** No account is held, and no journal names anything. */
    async function nothingLeft(): Promise<void> {
      const until = (): number => performance.now() + 5000;
      const { store } = runtime;
      const keys = ids.map((id) => keyOf(id, isSplit));
      await poll(
        async () => {
          await runtime.recovery.recover();
          const { items } = await store.read(keys, until());
          const isHeld = items.some((item) => item?.kind === 'item' && item.lock !== undefined);
          return !isHeld && (await store.journal.lapsed(until())).length === 0 ? true : undefined;
        },
        { deadlineMs: timeoutMs + 15_000, intervalMs: 100, until: 'nothing is left' },
      );
    }

    const exact = { balance: ACCOUNTS * openingAmount, points: ACCOUNTS * openingAmount };

    it('never shows a wrong sum, and the versions count every commit exactly', async () => {
      await withSeed(`bank on ${title}`, async (random) => {
        const before = await commitCount();
        const runs = [startTeller(random, 300), startTeller(random, 300)];
        const reports = (await Promise.all(runs.map(({ report }) => report))) as BankReport[];

        await nothingLeft();
        const commits = reports.reduce((sum, report) => sum + report.commits, 0);
        const unknown = reports.reduce((sum, report) => sum + report.unknown, 0);
        expect({ ...(await sums()), unknown }).toEqual({ ...exact, unknown: 0 });
        expect((await commitCount()) - before).toBe(2 * commits);
        for (const report of reports) expect(report.audits).toBeGreaterThan(20);
      });
    }, 120_000);

    it('keeps its sums, and leaves nothing behind, when processes are killed', async () => {
      await withSeed(`bank with killed processes on ${title}`, async (random) => {
        const steady = startTeller(random, 300);
        for (let kill = 0; kill < 4; kill += 1) {
          const victim = startTeller(random, Number.MAX_SAFE_INTEGER);
          victim.report.catch(() => undefined);
          const enough = (await commitCount()) + 60 + random.integer(100);
          await poll(async () => ((await commitCount()) > enough ? true : undefined), {
            deadlineMs: 30_000,
            intervalMs: 20,
            until: 'some more is committed',
          });
          victim.child.kill('SIGKILL');
        }
        const report = (await steady.report) as BankReport;

        expect(report.unknown).toBe(0);
        expect(await sums()).toEqual(exact);
        await nothingLeft();
        expect(await sums()).toEqual(exact);
      });
    }, 120_000);
  });
}

describeRedis('with a Redis', () => {
  describeBank('two Redis servers', [startRedis, startRedis]);
  describeMemcached('and a Memcached', () => {
    describeBank('Redis and Memcached', [startRedis, startMemcached]);
  });
  describeIgnite('and an Ignite', () => {
    describeBank('Redis and Ignite', [startRedis, startIgnite]);
  });
});

describeMemcached('alone', () => describeBank('Memcached', [startMemcached]));
describeIgnite('alone', () => describeBank('Ignite', [startIgnite]));
