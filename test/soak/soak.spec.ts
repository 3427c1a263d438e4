import { BankWorkload, accountIds, openingAmount } from '../support/bank-workload.js';
import { Account, accountKey, commitCountIn } from '../support/entities.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { describeAnomalies } from '../support/history/index.js';
import { runKillCycles } from '../support/kill-cycles.js';
import { LibraryCopy } from '../support/library-copy.js';
import { countOf, faultsMade, runListAppend } from '../support/list-append-run.js';
import { randomFaults } from '../support/random-faults.js';
import { describeRedis, RedisServer } from '../support/redis-server.js';
import { say, shareOf, soak, soakLimitMs } from '../support/soak.js';
import { TestRuntime } from '../support/test-runtime.js';

const TRANSACTIONS = shareOf(201_600);
const ROUNDS = Math.ceil(TRANSACTIONS / 25_200);
const CALLS = shareOf(40_000);
const KILLS = shareOf(100);

describeRedis('for long, one Redis', () => {
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
    `${TRANSACTIONS} transactions with faults of all kinds are strictly serializable`,
    async () => {
      server = await RedisServer.start();
      await soak('soak list-append', async (random) => {
        let transactions = 0;
        let faults = 0;
        const size = { transactions: 2 * Math.ceil(TRANSACTIONS / ROUNDS / 2), processes: 2 };
        for (let round = 0; round < ROUNDS; round += 1) {
          await server.command('FLUSHALL');
          const run = { library, servers: [server], random, ...size, faults: 0.01 };
          const verdict = await runListAppend(run);
          expect(describeAnomalies(verdict.anomalies)).toBe('');
          expect(verdict.miscounted).toBe(0);
          expect(countOf(verdict.history, 'ok')).toBeGreaterThan(0.87 * size.transactions);
          transactions += verdict.history.length;
          faults += faultsMade(verdict);
          say(`${transactions} transactions, ${faults} faults`);
        }
        expect(transactions).toBeGreaterThanOrEqual(TRANSACTIONS);
      });
    },
    soakLimitMs,
  );

  it(
    'a bank with faults of all kinds stays exact',
    async () => {
      server = await RedisServer.start();
      await soak('soak bank', async (random) => {
        const accounts = 12;
        const proxy = await FaultProxy.start({ targetPort: server.port });
        const runtime = await TestRuntime.open({ redis: proxy.url, commandTimeoutMs: 250 });
        await BankWorkload.openAccounts(runtime, accounts);
        proxy.decide = randomFaults(random.fork(), 0.01);
        const work = { runtime, random, accounts, calls: CALLS, concurrency: 12 };
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
    soakLimitMs,
  );

  it(
    `${KILLS} kills of Redis lose nothing that was acknowledged, and leave nothing in part`,
    async () => {
      server = await RedisServer.start({ config: { appendonly: 'yes', appendfsync: 'always' } });
      await soak('soak kills', async (random) => {
        let kills = 0;
        const strike = async (): Promise<void> => {
          await server.kill();
          await server.restart();
          kills += 1;
          if (kills % 10 === 0) say(`${kills} kills`);
        };
        const report = await runKillCycles({ redis: server.url, random, cycles: KILLS, strike });
        say(JSON.stringify(report));
        expect(report).toMatchObject({ lost: [], partial: [], resurrected: [], miscounted: 0 });
        expect(report.unknown).toBe(0);
      });
    },
    soakLimitMs,
  );
});
