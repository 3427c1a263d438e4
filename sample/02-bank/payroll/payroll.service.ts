import { Injectable } from '@nestjs/common';
import { TransactionManager } from 'nestjs-distributed-tx';
import { AccountService } from '../account/account.service.js';

export interface Salary {
  readonly accountId: string;
  readonly amountCents: number;
}

export interface Payroll {
  readonly employerAccountId: string;
  readonly salaries: readonly Salary[];
}

/** What the employer is asked to approve. */
export interface PayrollPreview {
  readonly totalCents: number;
  readonly balanceAfterCents: number;
}

export interface PayrollResult {
  readonly paid: boolean;
  readonly address: string;
}

@Injectable()
export class PayrollService {
  constructor(
    private readonly accounts: AccountService,
    private readonly transactions: TransactionManager,
  ) {}

  /**
   * Pays all salaries or none, once the employer has seen what they come to. A transaction begun by hand
   * stays open meanwhile: it locks nobody out, but is rolled back at its deadline, and is refused at
   * commit when the employer's account has changed.
   * @throws TransactionConflictError: nothing was paid; begin again.
   */
  async pay(
    { employerAccountId, salaries }: Payroll,
    approve: (preview: PayrollPreview) => Promise<boolean>,
  ): Promise<PayrollResult> {
    const transaction = this.transactions.begin({ name: 'payroll', timeoutMs: 30_000 });
    let approved: boolean;
    try {
      const preview = await transaction.run(() => this.book(employerAccountId, salaries));
      approved = await approve(preview);
    } catch (error) {
      await transaction.rollback(error);
      throw error;
    }
    const { address } = transaction;
    if (approved) await transaction.commit();
    else await transaction.rollback();
    return { paid: approved, address };
  }

  private async book(
    employerAccountId: string,
    salaries: readonly Salary[],
  ): Promise<PayrollPreview> {
    const totalCents = salaries.reduce((sum, { amountCents }) => sum + amountCents, 0);
    const employer = await this.accounts.findOne(employerAccountId);
    await this.accounts.debit(employer, totalCents);
    for (const { accountId, amountCents } of salaries) {
      await this.accounts.credit(accountId, amountCents);
    }
    return { totalCents, balanceAfterCents: employer.balanceCents - totalCents };
  }
}
