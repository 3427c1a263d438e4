import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Test, type TestingModule } from '@nestjs/testing';
import {
  EntityAlreadyExistsError,
  TransactionConflictError,
  TransactionManager,
  VersionMismatchError,
  type Isolation,
} from 'nestjs-distributed-tx';
import { describeOnEveryStore } from '../../test/support/every-store.js';
import { AccountService } from './account/account.service.js';
import { BankModule } from './bank.module.js';
import { CustomerService } from './customer/customer.service.js';
import { NotificationService } from './notification/notification.service.js';
import { PayrollService } from './payroll/payroll.service.js';
import { DailyLimitError, OverdrawnError } from './risk/risk.errors.js';
import { DAILY_LIMIT_CENTS, RiskService } from './risk/risk.service.js';
import { Story } from './story.js';
import { TransferService } from './transfer/transfer.service.js';

const ACCOUNTS = [
  { id: 'ann-1', customerId: 'ann', balanceCents: 60_000 },
  { id: 'ann-2', customerId: 'ann', balanceCents: 40_000 },
  { id: 'bob-1', customerId: 'bob', balanceCents: 30_000 },
  { id: 'cho-1', customerId: 'cho', balanceCents: 200_000 },
];
const IDS = ACCOUNTS.map(({ id }) => id);
const TOTAL = 330_000;

/** The promises of the bank, on the store that the environment names at that time. */
function describePromises(): void {
  let module: TestingModule;
  let accounts: AccountService;
  let transfers: TransferService;
  let notifications: NotificationService;
  let manager: TransactionManager;

  const pay = (from: string, to: string, amountCents: number) =>
    transfers.transfer({ id: randomUUID(), from, to, amountCents });
  const balanceOf = async (id: string) => (await accounts.findOne(id)).balanceCents;

  beforeAll(async () => {
    module = await Test.createTestingModule({ imports: [BankModule] }).compile();
    await module.init();
    accounts = module.get(AccountService);
    transfers = module.get(TransferService);
    notifications = module.get(NotificationService);
    manager = module.get(TransactionManager);
  });
  afterAll(() => module.close());

  beforeEach(async () => {
    const customers = module.get(CustomerService);
    for (const id of ['ann', 'bob', 'cho']) {
      await customers.register({ id, name: id, address: 'Old Street' });
      await module.get(RiskService).forgetToday(id);
    }
    for (const account of ACCOUNTS) await accounts.open(account);
    notifications.sent.length = 0;
  });

  it('keeps the sum exact in every read among concurrent transfers', async () => {
    let running = true;
    const totals: number[] = [];
    const audit = async (): Promise<void> => {
      while (running) {
        totals.push(await accounts.total(IDS));
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    const auditing = audit();
    await Promise.all(
      Array.from({ length: 60 }, (_, index) =>
        pay(IDS[index % 4]!, IDS[(index + 1 + (index % 3)) % 4]!, 10 + index),
      ),
    );
    running = false;
    await auditing;

    expect(totals.length).toBeGreaterThan(1);
    expect(new Set(totals)).toEqual(new Set([TOTAL]));
    expect(await accounts.total(IDS)).toBe(TOTAL);
  });

  it('tells of each committed transfer once, however often it had to run', async () => {
    let runs = 0;
    const book = accounts.findOne.bind(accounts);
    accounts.findOne = (id) => {
      runs++;
      return book(id);
    };
    try {
      await Promise.all(Array.from({ length: 20 }, () => pay('cho-1', 'bob-1', 100)));
    } finally {
      accounts.findOne = book;
    }

    expect(runs).toBeGreaterThanOrEqual(20);
    expect(notifications.sent).toEqual(
      Array.from({ length: 20 }, () => 'cho-1 paid 100 cents to bob-1'),
    );
  });

  it('tells nobody of a transfer that was refused', async () => {
    await expect(pay('bob-1', 'ann-1', 30_001)).rejects.toThrow(OverdrawnError);

    expect(notifications.sent).toEqual([]);
    expect(await balanceOf('bob-1')).toBe(30_000);
    expect(await balanceOf('ann-1')).toBe(60_000);
  });

  it('keeps the rule over two accounts when both are debited at once', async () => {
    for (let round = 0; round < 10; round++) {
      await accounts.open(ACCOUNTS[0]!);
      await accounts.open(ACCOUNTS[1]!);
      await module.get(RiskService).forgetToday('ann');

      const outcomes = await Promise.allSettled([
        pay('ann-1', 'bob-1', 70_000),
        pay('ann-2', 'cho-1', 70_000),
      ]);

      const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
      expect(refused).toHaveLength(1);
      expect(refused[0]?.reason).toBeInstanceOf(OverdrawnError);
      expect((await balanceOf('ann-1')) + (await balanceOf('ann-2'))).toBe(30_000);
    }
  });

  describe('with both debits between the same two reads', () => {
    /** Both read both accounts, then each debits its own: nothing that one writes the other writes too. */
    const skew = async (isolation: Isolation) => {
      const tills = await Promise.all(
        ['ann-1', 'ann-2'].map(async (id) => {
          const transaction = manager.begin({ isolation });
          const seen = await transaction.run(() => accounts.accountsOf('ann'));
          return { transaction, account: seen.find((account) => account.id === id)! };
        }),
      );
      for (const { transaction, account } of tills) {
        await transaction.run(() => accounts.debit(account, 70_000));
      }
      return Promise.allSettled(tills.map(({ transaction }) => transaction.commit()));
    };

    it('refuses the second one, at least, under serializable isolation', async () => {
      const outcomes = await skew('serializable');

      const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
      // Where a commit holds its items for a while, each may meet what the other holds.
      expect([1, 2]).toContain(refused.length);
      for (const { reason } of refused) expect(reason).toBeInstanceOf(TransactionConflictError);
      const paid = (2 - refused.length) * 70_000;
      expect((await balanceOf('ann-1')) + (await balanceOf('ann-2'))).toBe(100_000 - paid);
    });

    it('lets both through under read-committed isolation, and the rule is broken', async () => {
      const outcomes = await skew('read-committed');

      expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled']);
      expect((await balanceOf('ann-1')) + (await balanceOf('ann-2'))).toBe(-40_000);
    });
  });

  it('keeps the daily limit exactly among concurrent payments', async () => {
    const outcomes = await Promise.allSettled(
      Array.from({ length: 15 }, () => pay('cho-1', 'bob-1', 10_000)),
    );

    const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(refused).toHaveLength(5);
    for (const { reason } of refused) expect(reason).toBeInstanceOf(DailyLimitError);
    expect(await balanceOf('cho-1')).toBe(200_000 - DAILY_LIMIT_CENTS);
    expect(await balanceOf('bob-1')).toBe(30_000 + DAILY_LIMIT_CENTS);
  });

  it('books an order once, however often it comes', async () => {
    const order = { id: randomUUID(), from: 'bob-1', to: 'ann-1', amountCents: 5000 };

    const outcomes = await Promise.allSettled([
      transfers.transfer(order),
      transfers.transfer(order),
      transfers.transfer(order),
    ]);

    const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(refused).toHaveLength(2);
    for (const { reason } of refused) expect(reason).toBeInstanceOf(EntityAlreadyExistsError);
    expect(await balanceOf('bob-1')).toBe(25_000);
  });

  it('tells the outcome of a transfer by its address', async () => {
    const receipt = await pay('bob-1', 'ann-1', 5000);

    expect(await transfers.outcomeOf(receipt)).toBe('committed');
  });

  it('pays all salaries or none', async () => {
    const payroll = {
      employerAccountId: 'cho-1',
      salaries: ['ann-1', 'bob-1'].map((accountId) => ({ accountId, amountCents: 50_000 })),
    };
    const service = module.get(PayrollService);

    const declined = await service.pay(payroll, async (preview) => {
      expect(preview).toEqual({ totalCents: 100_000, balanceAfterCents: 100_000 });
      return false;
    });
    expect(await transfers.outcomeOf(declined)).toBe('rolled_back');
    expect(await balanceOf('cho-1')).toBe(200_000);

    const approved = await service.pay(payroll, async () => true);
    expect(await transfers.outcomeOf(approved)).toBe('committed');
    expect(await Promise.all(['cho-1', 'ann-1', 'bob-1'].map(balanceOf))).toEqual([
      100_000, 110_000, 80_000,
    ]);
  });

  it('pays no salary when the account has changed while the employer was thinking', async () => {
    const payroll = {
      employerAccountId: 'cho-1',
      salaries: [{ accountId: 'ann-1', amountCents: 50_000 }],
    };
    const paying = module.get(PayrollService).pay(payroll, async () => {
      await pay('cho-1', 'bob-1', 1000);
      return true;
    });

    await expect(paying).rejects.toThrow(TransactionConflictError);
    expect(await balanceOf('ann-1')).toBe(60_000);
    expect(await balanceOf('cho-1')).toBe(199_000);
  });

  it('pays no salary when asking the employer fails', async () => {
    const payroll = {
      employerAccountId: 'cho-1',
      salaries: [{ accountId: 'ann-1', amountCents: 50_000 }],
    };
    const failing = module.get(PayrollService).pay(payroll, async () => {
      throw new Error('nobody there');
    });

    await expect(failing).rejects.toThrow('nobody there');
    expect(await accounts.total(IDS)).toBe(TOTAL);
  });

  it('refuses an address form that was filled in over another one', async () => {
    const customers = module.get(CustomerService);
    const first = await customers.openAddressForm('ann');
    const second = await customers.openAddressForm('ann');
    await customers.submitAddressForm({ ...first, address: 'Harbour Road' });

    const late = customers.submitAddressForm({ ...second, address: 'Mill Lane' });

    await expect(late).rejects.toThrow(VersionMismatchError);
    expect((await customers.findOne('ann')).address).toBe('Harbour Road');
  });

  it('tells its story twice', async () => {
    const story = module.get(Story);
    for (let time = 0; time < 2; time++) {
      const lines: string[] = [];
      for await (const line of story.tell()) lines.push(line);
      expect(lines.join('\n')).toContain('50 notifications');
    }
  });
}

describeOnEveryStore('The bank', describePromises);
