import { TransactionConflictError } from '../../lib/errors/index.js';
import type { TransactionOptions } from '../../lib/transaction/transaction-options.js';
import {
  accountIds,
  BankWorkload,
  openingAmount,
  WrongSumError,
  type BankReport,
} from '../support/bank-workload.js';
import { Account, accountKey, commitCountIn } from '../support/entities.js';
import { LibraryCopy } from '../support/library-copy.js';
import { outcomeOf } from '../support/outcome.js';
import { describeRedis, RedisServer } from '../support/redis-server.js';
import { withSeed, type SeededRandom } from '../support/seeded-random.js';
import { TestRuntime } from '../support/test-runtime.js';

const accounts = 12;

describe('a bank on the embedded store', () => {
  it('never shows a wrong sum, and counts every commit', async () => {
    await withSeed('embedded bank', async (random) => {
      const runtime = await TestRuntime.open({ store: 'embedded' });
      await BankWorkload.openAccounts(runtime, accounts);
      const work = { runtime, random, accounts, calls: 3000, concurrency: 12 };

      const report = await new BankWorkload(work).run();

      const all = await runtime.repository(Account).findManyOrFail(accountIds(accounts));
      const sum = all.reduce((total, { balance, points }) => total + balance + points, 0);
      expect(sum).toBe(2 * accounts * openingAmount);
      expect(report.audits).toBeGreaterThan(400);
      expect(report.errors['TransactionConflictError']).toBeUndefined();
      await runtime.close();
    });
  });
});

describeRedis('a bank on Redis', () => {
  let server: RedisServer;
  let runtime: TestRuntime;

  beforeAll(async () => {
    server = await RedisServer.start();
  });

  afterAll(async () => {
    await server.stop();
  });

  beforeEach(async () => {
    await server.command('FLUSHALL');
    runtime = await TestRuntime.open({ redis: server.url });
  });

  afterEach(async () => {
    await runtime.close();
  });

  describe('with two processes', () => {
    let library: LibraryCopy;

    beforeAll(() => {
      library = LibraryCopy.create();
    });

    afterAll(() => {
      library.remove();
    });

    async function runBank(random: SeededRandom, calls: number): Promise<BankReport[]> {
      await BankWorkload.openAccounts(runtime, accounts);
      const config = { url: server.url, accounts, calls, concurrency: 8 };
      const seeds = [random.integer(2 ** 31), random.integer(2 ** 31)];
      const runs = seeds.map((seed) => library.start('test/workers/bank.ts', { ...config, seed }));
      return (await Promise.all(runs.map(({ report }) => report))) as BankReport[];
    }

    it('never shows a wrong sum, and the versions count every commit exactly', async () => {
      await withSeed('bank from two processes', async (random) => {
        const reports = await runBank(random, 3000);

        const all = await runtime.repository(Account).findManyOrFail(accountIds(accounts));
        const keys = accountIds(accounts).map(accountKey);
        const raw = (await server.command('MGET', ...keys)) as unknown[];
        const versions = raw.reduce<number>((sum, text) => sum + commitCountIn(text), 0);
        const commits = reports.reduce((sum, report) => sum + report.commits, 0);

        expect(all.reduce((sum, { balance }) => sum + balance, 0)).toBe(accounts * openingAmount);
        expect(all.reduce((sum, { points }) => sum + points, 0)).toBe(accounts * openingAmount);
        expect(all.every(({ points }) => points >= 0)).toBe(true);
        expect(versions).toBe(accounts + 2 * commits);
        expect(reports.map(({ unknown }) => unknown)).toEqual([0, 0]);
        for (const report of reports) expect(report.audits).toBeGreaterThan(400);
      });
    }, 90_000);
  });

  it('shows wrong sums under read-committed, so the audits above prove something', async () => {
    await withSeed('bank control', async (random) => {
      await BankWorkload.openAccounts(runtime, accounts);
      const bank = runtime.repository(Account);
      let wrong = 0;
      const audit = async (): Promise<void> => {
        const ids = accountIds(accounts);
        let sum = 0;
        for (const id of ids) sum += (await bank.findOneOrFail(id)).balance;
        if (sum !== accounts * openingAmount) throw new WrongSumError(sum, 0);
      };
      const auditing = async (): Promise<void> => {
        for (let nth = 0; nth < 200; nth += 1) {
          await runtime.manager
            .run(audit, { isolation: 'read-committed' })
            .catch((error: unknown) => (wrong += error instanceof WrongSumError ? 1 : 0));
        }
      };
      const work = { runtime, random, accounts, calls: 600, concurrency: 6 };

      await Promise.all([auditing(), new BankWorkload(work).run()]);

      expect(wrong).toBeGreaterThan(0);
    });
  });

  /** Two doctors go off duty, each having seen that the other one stays. */
  async function skew(options: TransactionOptions): Promise<(string | undefined)[]> {
    const bank = runtime.repository(Account);
    await bank.save({ id: 'left', balance: 1, points: 0 });
    await bank.save({ id: 'right', balance: 1, points: 0 });
    let arrived = 0;
    let open = (): void => undefined;
    const bothHaveRead = new Promise<void>((resolve) => (open = resolve));
    const leave = (id: string): Promise<void> =>
      runtime.manager.run(
        async () => {
          const [left, right] = await bank.findManyOrFail(['left', 'right']);
          arrived += 1;
          if (arrived === 2) open();
          await bothHaveRead;
          if (left.balance + right.balance < 2) return;
          await bank.update(id, { balance: 0 });
        },
        { retry: { attempts: 1 }, ...options },
      );
    const outcomes = await Promise.all([outcomeOf(leave('left')), outcomeOf(leave('right'))]);
    return outcomes.map((outcome) =>
      outcome.kind === 'rejected' ? outcome.error.name : undefined,
    );
  }

  async function onDuty(): Promise<number> {
    const both = await runtime.repository(Account).findManyOrFail(['left', 'right']);
    return both.reduce((sum, { balance }) => sum + balance, 0);
  }

  it('refuses one of two transactions that would skew each other', async () => {
    for (let round = 0; round < 20; round += 1) {
      const errors = await skew({});
      expect(errors.filter((name) => name === TransactionConflictError.name)).toHaveLength(1);
      expect(await onDuty()).toBe(1);
    }
  });

  it('lets the loser of a skew see the winner when it runs again', async () => {
    expect(await skew({ retry: { attempts: 10 } })).toEqual([undefined, undefined]);
    expect(await onDuty()).toBe(1);
  });

  it('lets the same transactions skew each other under read-committed', async () => {
    expect(await skew({ isolation: 'read-committed' })).toEqual([undefined, undefined]);
    expect(await onDuty()).toBe(0);
  });

  it('refuses the skew of two absences', async () => {
    const bank = runtime.repository(Account);
    let arrived = 0;
    let open = (): void => undefined;
    const bothHaveRead = new Promise<void>((resolve) => (open = resolve));
    const take = (mine: string, other: string): Promise<void> =>
      runtime.manager.run(
        async () => {
          const taken = await bank.exists(other);
          arrived += 1;
          if (arrived === 2) open();
          await bothHaveRead;
          if (!taken) await bank.insert({ id: mine, balance: 1, points: 0 });
        },
        { retry: { attempts: 1 } },
      );

    const outcomes = await Promise.all([
      outcomeOf(take('night-a', 'night-b')),
      outcomeOf(take('night-b', 'night-a')),
    ]);

    expect(outcomes.filter(({ kind }) => kind === 'resolved')).toHaveLength(1);
    const stood = await bank.findMany(['night-a', 'night-b']);
    expect(stood.filter((account) => account !== null)).toHaveLength(1);
  });
});
