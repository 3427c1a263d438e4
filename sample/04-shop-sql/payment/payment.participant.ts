import { Injectable } from '@nestjs/common';
import {
  EntityNotFoundError,
  InjectTxRepository,
  TransactionParticipant,
  TxRepository,
  type TryConfirmCancel,
} from 'nestjs-distributed-tx';
import { Account } from './account.entity.js';

/** The name under which payments are enlisted; records of transactions hold it. */
export const PAYMENTS = 'payments';

/** What is to be paid. It is stored with the transaction, so that any process can finish it. */
export interface Payment {
  readonly from: string;
  readonly to: string;
  readonly amountCents: number;
}

/**
 * Payments as three steps: money is reserved before the order is decided, and captured or released
 * after that, whatever happens in between. Each step counts once, however often it is called.
 */
@Injectable()
@TransactionParticipant(PAYMENTS)
export class PaymentParticipant implements TryConfirmCancel<Payment> {
  constructor(@InjectTxRepository(Account) private readonly accounts: TxRepository<Account>) {}

  /**
   * Reserves, and makes sure that it can be captured: after this there is no way to refuse.
   * @throws CounterBoundError where the account cannot pay, EntityNotFoundError: they roll the whole
   *   order back.
   */
  async prepare({ from, to, amountCents }: Payment): Promise<void> {
    // All pay into the same account: read in earnest, it would make them conflict.
    if ((await this.accounts.peek(to)) === null) throw new EntityNotFoundError('account', [to]);
    await this.accounts.increment(from, 'balanceCents', -amountCents, { min: 0 });
    await this.accounts.increment(from, 'reservedCents', amountCents);
  }

  /** Captures. */
  async commit({ from, to, amountCents }: Payment): Promise<void> {
    await this.accounts.increment(from, 'reservedCents', -amountCents);
    await this.accounts.increment(to, 'balanceCents', amountCents);
  }

  /** Releases. */
  async rollback({ from, amountCents }: Payment): Promise<void> {
    await this.accounts.increment(from, 'reservedCents', -amountCents);
    await this.accounts.increment(from, 'balanceCents', amountCents);
  }
}
