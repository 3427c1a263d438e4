import { Injectable } from '@nestjs/common';
import {
  InjectTxRepository,
  Propagation,
  Transactional,
  TransactionManager,
  TxRepository,
} from 'nestjs-distributed-tx';
import { Account } from './account.entity.js';
import { PAYMENTS, type Payment } from './payment.participant.js';

/** The account of the shop. */
export const TILL = 'till';

@Injectable()
export class PaymentService {
  constructor(
    @InjectTxRepository(Account) private readonly accounts: TxRepository<Account>,
    private readonly transactions: TransactionManager,
  ) {}

  /** Has the transaction that runs move money, if it commits. */
  @Transactional({ propagation: Propagation.MANDATORY })
  async pay(payment: Payment): Promise<void> {
    this.transactions.current()!.enlist(PAYMENTS, payment);
  }

  /** @throws EntityNotFoundError */
  account(id: string): Promise<Account> {
    return this.accounts.findOneOrFail(id);
  }

  /** @throws EntityNotFoundError naming all that are missing. */
  accountsOf(ids: readonly string[]): Promise<Account[]> {
    return this.accounts.findManyOrFail(ids);
  }

  /** Sets up accounts, whatever was there. */
  @Transactional()
  async open(balances: Readonly<Record<string, number>>): Promise<void> {
    for (const [id, balanceCents] of Object.entries(balances)) {
      await this.accounts.save({ id, balanceCents, reservedCents: 0 });
    }
  }
}
