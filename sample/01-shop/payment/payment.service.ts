import { Injectable } from '@nestjs/common';
import { InjectTxRepository, Transactional, TxRepository } from 'nestjs-distributed-tx';
import { Account } from './account.entity.js';
import { CustomerList } from './customer-list.entity.js';
import { Till } from './till.entity.js';

const MAIN = 'main';

@Injectable()
export class PaymentService {
  constructor(
    @InjectTxRepository(Account) private readonly accounts: TxRepository<Account>,
    @InjectTxRepository(Till) private readonly tills: TxRepository<Till>,
    @InjectTxRepository(CustomerList) private readonly lists: TxRepository<CustomerList>,
  ) {}

  /**
   * Moves money from a customer to the till.
   * @throws CounterBoundError when the transaction commits and the customer cannot pay.
   */
  @Transactional()
  async charge(accountId: string, amountCents: number): Promise<void> {
    await this.accounts.increment(accountId, 'balanceCents', -amountCents, { min: 0 });
    await this.tills.increment(MAIN, 'takingsCents', amountCents);
  }

  @Transactional()
  async refund(accountId: string, amountCents: number): Promise<void> {
    await this.tills.increment(MAIN, 'takingsCents', -amountCents, { min: 0 });
    await this.accounts.increment(accountId, 'balanceCents', amountCents);
  }

  async customers(): Promise<Account[]> {
    const list = await this.lists.findOne(MAIN);
    return this.accountsOf(list?.accountIds ?? []);
  }

  /** @throws EntityNotFoundError naming all that are missing. */
  accountsOf(ids: readonly string[]): Promise<Account[]> {
    return this.accounts.findManyOrFail(ids);
  }

  /** @throws EntityNotFoundError */
  account(id: string): Promise<Account> {
    return this.accounts.findOneOrFail(id);
  }

  /** @throws EntityNotFoundError before the till was opened. */
  till(): Promise<Till> {
    return this.tills.findOneOrFail(MAIN);
  }

  /** Sets up accounts, whatever was there. */
  @Transactional()
  async open(accounts: readonly Account[]): Promise<void> {
    for (const account of accounts) await this.accounts.save(account);
  }

  /** Empties the till and shows these accounts as the customers of the shop. */
  @Transactional()
  async startBusiness(customers: readonly Account[]): Promise<void> {
    await this.open(customers);
    await this.lists.save({ id: MAIN, accountIds: customers.map(({ id }) => id) });
    await this.tills.save({ id: MAIN, takingsCents: 0 });
  }
}
