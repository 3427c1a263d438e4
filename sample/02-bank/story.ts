import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { AccountService } from './account/account.service.js';
import { CustomerService } from './customer/customer.service.js';
import { NotificationService } from './notification/notification.service.js';
import { PayrollService } from './payroll/payroll.service.js';
import { RiskService } from './risk/risk.service.js';
import { TransferService, type Receipt } from './transfer/transfer.service.js';

const ACCOUNTS = [
  { id: 'ann-checking', customerId: 'ann', balanceCents: 60_000 },
  { id: 'ann-savings', customerId: 'ann', balanceCents: 40_000 },
  { id: 'bob', customerId: 'bob', balanceCents: 20_000 },
  { id: 'acme', customerId: 'acme', balanceCents: 500_000 },
];

/** A day at the bank, told line by line. Every chapter starts from the balances above. */
@Injectable()
export class Story {
  // oxlint-disable-next-line max-params -- Nest injects by position
  constructor(
    private readonly customers: CustomerService,
    private readonly accounts: AccountService,
    private readonly risk: RiskService,
    private readonly transfers: TransferService,
    private readonly payroll: PayrollService,
    private readonly notifications: NotificationService,
  ) {}

  async *tell(): AsyncGenerator<string> {
    yield* this.chapter('A transfer', this.oneTransfer());
    yield* this.chapter('Fifty transfers at once', this.manyTransfers());
    yield* this.chapter('Two accounts, one rule', this.writeSkew());
    yield* this.chapter('A limit for the day', this.dailyLimit());
    yield* this.chapter('Payroll, seen before it is paid', this.payDay());
    yield* this.chapter('Two clerks, one address', this.twoClerks());
  }

  private async *chapter(title: string, lines: AsyncGenerator<string>): AsyncGenerator<string> {
    await this.open();
    yield `\n${title}`;
    for await (const line of lines) yield `  ${line}`;
  }

  private async *oneTransfer(): AsyncGenerator<string> {
    const id = randomUUID();
    const receipt = await this.pay('ann-checking', 'bob', 30_000, id);
    yield `Ann pays Bob €300: ${await this.balances('ann-checking', 'bob')}.`;
    yield `Its outcome, asked for by its address: ${await this.transfers.outcomeOf(receipt)}.`;
    yield `Told after the commit: ${this.notifications.sent.at(-1)}.`;
    yield `The same order again: ${await this.refusal(this.pay('ann-checking', 'bob', 30_000, id))}`;
    yield `Nothing was paid twice: ${await this.balances('bob')}.`;
  }

  private async *manyTransfers(): AsyncGenerator<string> {
    const ids = ACCOUNTS.map((account) => account.id);
    const before = await this.accounts.total(ids);
    const told = this.notifications.sent.length;
    await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        this.pay(ids[index % 4]!, ids[(index + 1 + (index % 3)) % 4]!, 100 + index),
      ),
    );
    const notified = this.notifications.sent.length - told;
    yield `All 50 are booked, and each was told once: ${notified} notifications.`;
    yield `Money in the bank: ${euro(before)} before, ${euro(await this.accounts.total(ids))} after.`;
  }

  private async *writeSkew(): AsyncGenerator<string> {
    yield `Ann has €600 and €400, and must not be overdrawn on both together.`;
    const outcomes = await Promise.all([
      this.refusal(this.pay('ann-checking', 'acme', 70_000)),
      this.refusal(this.pay('ann-savings', 'acme', 70_000)),
    ]);
    yield `She pays €700 from each at the same moment; alone, either would do.`;
    for (const outcome of outcomes) yield `- ${outcome}`;
    yield `Left: ${await this.balances('ann-checking', 'ann-savings')}.`;
  }

  private async *dailyLimit(): AsyncGenerator<string> {
    yield `Acme pays out €600: ${await this.refusal(this.pay('acme', 'bob', 60_000))}`;
    yield `And another €600: ${await this.refusal(this.pay('acme', 'bob', 60_000))}`;
    yield `What Bob got: ${await this.balances('bob')}.`;
  }

  private async *payDay(): AsyncGenerator<string> {
    const salaries = ['ann-checking', 'bob'].map((accountId) => ({
      accountId,
      amountCents: 150_000,
    }));
    for (const approved of [false, true]) {
      const payroll = { employerAccountId: 'acme', salaries };
      const result = await this.payroll.pay(payroll, async () => approved);
      const outcome = await this.transfers.outcomeOf(result);
      const verb = approved ? 'approves' : 'declines';
      yield `Acme ${verb}: ${outcome}, ${await this.balances('acme', 'ann-checking', 'bob')}.`;
    }
  }

  private async *twoClerks(): AsyncGenerator<string> {
    const first = await this.customers.openAddressForm('ann');
    const second = await this.customers.openAddressForm('ann');
    await this.customers.submitAddressForm({ ...first, address: '1 Harbour Road' });
    yield `The first clerk saves: ${(await this.customers.findOne('ann')).address}.`;
    const late = this.customers.submitAddressForm({ ...second, address: '2 Mill Lane' });
    yield `The second one: ${await this.refusal(late)}`;
    yield `It is still ${(await this.customers.findOne('ann')).address}.`;
  }

  /** The same bank each time, whatever an earlier chapter or run has left in the store. */
  private async open(): Promise<void> {
    for (const id of new Set(ACCOUNTS.map(({ customerId }) => customerId))) {
      await this.customers.register({ id, name: id, address: '3 Old Street' });
      await this.risk.forgetToday(id);
    }
    for (const account of ACCOUNTS) await this.accounts.open(account);
  }

  private pay(from: string, to: string, amountCents: number, id = randomUUID()): Promise<Receipt> {
    return this.transfers.transfer({ id, from, to, amountCents });
  }

  private async refusal(work: Promise<unknown>): Promise<string> {
    try {
      await work;
      return 'done.';
    } catch (error) {
      return `refused. ${(error as Error).message}`;
    }
  }

  private async balances(...ids: string[]): Promise<string> {
    const accounts = await Promise.all(ids.map((id) => this.accounts.findOne(id)));
    return accounts.map(({ id, balanceCents }) => `${id} ${euro(balanceCents)}`).join(', ');
  }
}

function euro(cents: number): string {
  return (cents / 100).toLocaleString('en', { style: 'currency', currency: 'EUR' });
}
