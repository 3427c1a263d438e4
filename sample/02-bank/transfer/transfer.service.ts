import { Injectable } from '@nestjs/common';
import {
  InjectTxRepository,
  TransactionManager,
  TxRepository,
  type RecordedOutcome,
} from 'nestjs-distributed-tx';
import { AccountService } from '../account/account.service.js';
import { NotificationService } from '../notification/notification.service.js';
import { RiskService } from '../risk/risk.service.js';
import { Transfer } from './transfer.entity.js';

export interface Receipt {
  readonly transferId: string;
  /** Names the transaction for ever. */
  readonly address: string;
}

@Injectable()
export class TransferService {
  // oxlint-disable-next-line max-params -- Nest injects by position
  constructor(
    @InjectTxRepository(Transfer) private readonly transfers: TxRepository<Transfer>,
    private readonly accounts: AccountService,
    private readonly risk: RiskService,
    private readonly notifications: NotificationService,
    private readonly transactions: TransactionManager,
  ) {}

  /**
   * Books a transfer, as often as its work has to run until nobody was in its way.
   * @throws TransferRefusedError, EntityNotFoundError
   * @throws EntityAlreadyExistsError when a transfer of this id was booked before.
   */
  async transfer(order: Transfer): Promise<Receipt> {
    try {
      return await this.transactions.run(() => this.book(order), { name: 'transfer' });
    } catch (error) {
      throw this.risk.explain(error);
    }
  }

  /**
   * What became of a transaction, by a receipt or by a TransactionOutcomeUnknownError: ask before you
   * order again.
   */
  outcomeOf(lost: { readonly address: string }): Promise<RecordedOutcome> {
    return this.transactions.outcomeOf(lost.address);
  }

  private async book(order: Transfer): Promise<Receipt> {
    const { id, from, to, amountCents } = order;
    const source = await this.accounts.findOne(from);
    await this.risk.refuseOverdraft(source.customerId, amountCents);
    await this.risk.countOutflow(source.customerId, amountCents);
    await this.accounts.debit(source, amountCents);
    await this.accounts.credit(to, amountCents);
    await this.transfers.insert(order);
    const transaction = this.transactions.current()!;
    transaction.onCommit(() =>
      this.notifications.send(`${from} paid ${amountCents} cents to ${to}`),
    );
    return { transferId: id, address: transaction.address };
  }
}
