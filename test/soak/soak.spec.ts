import { BankWorkload, accountIds, openingAmount } from '../support/bank-workload.js';
import { Account, accountKey, commitCountIn } from '../support/entities.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { describeAnomalies } from '../support/history/index.js';
import { runKillCycles } from '../support/kill-cycles.js';
import { LibraryCopy } from '../support/library-copy.js';
import { countOf, faultsMade, runListAppend } from '../support/list-append-run.js';
import { randomFaults } from '../support/random-faults.js';
import { describeRedis, RedisServer } from '../support/redis-server.js';
import { withSeed } from '../support/seeded-random.js';
import { TestRuntime } from '../support/test-runtime.js';

const minute = 60_000;

/** The long forms of test/integration; `npm run test:soak`. */
describeRedis('for long', () => {
  let library: LibraryCopy;
  let server: RedisServer;

  beforeAll(() => {
    library = LibraryCopy.create();
  });

  afterAll(() => {
    library.remove();
  });

  afterEach(async () => {
    await server.stop();
  });

  it(
    '200,000 transactions with faults of all kinds are strictly serializable',
    async () => {
      server = await RedisServer.start();
      await withSeed('soak list-append', async (random) => {
        let transactions = 0;
        let faults = 0;
        for (let round = 0; round < 8; round += 1) {
          await server.command('FLUSHALL');
          const size = { transactions: 25_200, processes: 2, faults: 0.01 };
          const verdict = await runListAppend({ library, servers: [server], random, ...size });
          expect(describeAnomalies(verdict.anomalies)).toBe('');
          expect(verdict.miscounted).toBe(0);
          expect(countOf(verdict.history, 'ok')).toBeGreaterThan(22_000);
          transactions += verdict.history.length;
          faults += faultsMade(verdict);
          console.log(`${transactions} transactions, ${faults} faults`);
        }
        expect(transactions).toBeGreaterThan(200_000);
      });
    },
    40 * minute,
  );

  it(
    'a bank with faults of all kinds stays exact',
    async () => {
      server = await RedisServer.start();
      await withSeed('soak bank', async (random) => {
        const accounts = 12;
        const proxy = await FaultProxy.start({ targetPort: server.port });
        const runtime = await TestRuntime.open({ redis: proxy.url, commandTimeoutMs: 250 });
        await BankWorkload.openAccounts(runtime, accounts);
        proxy.decide = randomFaults(random.fork(), 0.01);
        const work = { runtime, random, accounts, calls: 40_000, concurrency: 12 };
        const workload = new BankWorkload(work);

        await workload.run();

        proxy.decide = () => undefined;
        await proxy.releaseLate();
        await workload.resolveUnknown();
        const { commits, unknown } = workload.report();
        const keys = accountIds(accounts).map(accountKey);
        const raw = (await server.command('MGET', ...keys)) as unknown[];
        const versions = raw.reduce<number>((total, text) => total + commitCountIn(text), 0);
        expect(versions).toBeGreaterThanOrEqual(accounts + 2 * commits);
        expect(versions).toBeLessThanOrEqual(accounts + 2 * (commits + unknown));
        const all = await runtime.repository(Account).findManyOrFail(accountIds(accounts));
        const total = all.reduce((sum, { balance, points }) => sum + balance + points, 0);
        expect(total).toBe(2 * accounts * openingAmount);
        await runtime.close();
        await proxy.stop();
      });
    },
    30 * minute,
  );

  it(
    '100 kills of Redis lose nothing that was acknowledged, and leave nothing in part',
    async () => {
      server = await RedisServer.start({ config: { appendonly: 'yes', appendfsync: 'always' } });
      await withSeed('a hundred kills', async (random) => {
        const report = await runKillCycles(server, random, 100);
        console.log(JSON.stringify(report));
        expect(report).toMatchObject({ lost: [], partial: [], resurrected: [], miscounted: 0 });
        expect(report.unknown).toBe(0);
      });
    },
    40 * minute,
  );
});
