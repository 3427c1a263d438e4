import { Injectable } from '@nestjs/common';
import { InjectTxRepository, TransactionManager, TxRepository } from 'nestjs-distributed-tx';
import { CustomerService } from '../customer/customer.service.js';
import { Account } from './account.entity.js';

@Injectable()
export class AccountService {
  constructor(
    @InjectTxRepository(Account) private readonly accounts: TxRepository<Account>,
    private readonly customers: CustomerService,
    private readonly transactions: TransactionManager,
  ) {}

  /** Opens the account, or starts it anew, and enters it with its owner. */
  async open(account: Account): Promise<void> {
    await this.transactions.run(async () => {
      await this.customers.addAccount(account.customerId, account.id);
      await this.accounts.save(account);
    });
  }

  /** @throws EntityNotFoundError */
  findOne(id: string): Promise<Account> {
    return this.accounts.findOneOrFail(id);
  }

  /** All accounts of a customer, the list included, as they stand at one moment. */
  accountsOf(customerId: string): Promise<Account[]> {
    return this.transactions.run(
      async () => {
        const { accountIds } = await this.customers.findOne(customerId);
        return this.accounts.findManyOrFail(accountIds);
      },
      { readOnly: true },
    );
  }

  /** Takes money from an account that was read: the transaction stands or falls with what it saw. */
  async debit(account: Account, amountCents: number): Promise<void> {
    await this.accounts.save({
      id: account.id,
      customerId: account.customerId,
      balanceCents: account.balanceCents - amountCents,
    });
  }

  /** Adds money without reading the account, so that many can pay into it at the same time. */
  async credit(id: string, amountCents: number): Promise<void> {
    await this.accounts.increment(id, 'balanceCents', amountCents);
  }

  /** What these accounts hold together, at one moment. */
  async total(ids: readonly string[]): Promise<number> {
    const accounts = await this.accounts.findManyOrFail(ids);
    return accounts.reduce((sum, { balanceCents }) => sum + balanceCents, 0);
  }
}
