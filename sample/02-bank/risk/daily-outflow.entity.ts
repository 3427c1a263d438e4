import { TxEntity } from 'nestjs-distributed-tx';

const TWO_DAYS_MS = 2 * 24 * 60 * 60 * 1000;

/** What a customer has paid out on one day. Its id is made of both; it goes away by itself. */
@TxEntity({ name: 'daily-outflow', ttlMs: TWO_DAYS_MS, counters: ['amountCents'] })
export class DailyOutflow {
  id!: string;
  amountCents!: number;

  static idFor(customerId: string, day: Date): string {
    return `${customerId}/${day.toISOString().slice(0, 10)}`;
  }
}
