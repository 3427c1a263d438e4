import { Injectable } from '@nestjs/common';
import {
  CounterBoundError,
  InjectTxRepository,
  Propagation,
  TransactionManager,
  TxRepository,
} from 'nestjs-distributed-tx';
import { AccountService } from '../account/account.service.js';
import { DailyOutflow } from './daily-outflow.entity.js';
import { DailyLimitError, OverdrawnError } from './risk.errors.js';

export const DAILY_LIMIT_CENTS = 100_000;

/** The rules of the bank. They are asked inside the transaction of the transfer, and hold at its commit. */
@Injectable()
export class RiskService {
  constructor(
    @InjectTxRepository(DailyOutflow) private readonly outflows: TxRepository<DailyOutflow>,
    private readonly accounts: AccountService,
    private readonly transactions: TransactionManager,
  ) {}

  /**
   * One account may be overdrawn, all accounts of the customer together may not. A transfer reads them
   * all and writes one: two transfers from two accounts write nothing in common, and each alone keeps
   * the rule. That both commit (write skew) is what serializable isolation refuses.
   * @throws OverdrawnError
   */
  async refuseOverdraft(customerId: string, amountCents: number): Promise<void> {
    const accounts = await this.accounts.accountsOf(customerId);
    const together = accounts.reduce((sum, { balanceCents }) => sum + balanceCents, 0);
    if (together < amountCents) throw new OverdrawnError(customerId, amountCents - together);
  }

  /**
   * Counts what is paid out today, without making two payments of one customer wait for each other.
   * @throws CounterBoundError over the limit, when the transfer commits; see `explain`.
   */
  async countOutflow(customerId: string, amountCents: number): Promise<void> {
    const id = DailyOutflow.idFor(customerId, new Date());
    await this.openDay(id);
    await this.outflows.increment(id, 'amountCents', amountCents, { max: DAILY_LIMIT_CENTS });
  }

  /** Forgets what was paid out today. */
  async forgetToday(customerId: string): Promise<void> {
    await this.outflows.save({ id: DailyOutflow.idFor(customerId, new Date()), amountCents: 0 });
  }

  /** The reason of the bank, where an error of the commit has one. */
  explain(error: unknown): unknown {
    if (!(error instanceof CounterBoundError) || error.entity !== 'daily-outflow') return error;
    return new DailyLimitError(error.id, DAILY_LIMIT_CENTS, { cause: error });
  }

  /**
   * Only what exists can be incremented. The counter is made in a transaction of its own, and looked for
   * without validation: as a read of the transfer it would conflict with every other increment.
   */
  private async openDay(id: string): Promise<void> {
    if ((await this.outflows.peek(id)) !== null) return;
    await this.transactions.run(
      async () => {
        if (!(await this.outflows.exists(id))) await this.outflows.insert({ id, amountCents: 0 });
      },
      { propagation: Propagation.REQUIRES_NEW },
    );
  }
}
