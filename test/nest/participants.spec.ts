import { Inject, Injectable, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  DistributedTxModule,
  getTxRepositoryToken,
  InjectTxRepository,
  ModuleOptionsError,
  ParticipantUsageError,
  Transactional,
  TransactionManager,
  TransactionParticipant,
  TxEntity,
  type TryConfirmCancel,
  type TxRepository,
} from '../../lib/index.js';

@TxEntity({ name: 'account' })
class Account {
  id!: string;
  balance!: number;
}

interface Payment {
  readonly account: string;
  readonly amount: number;
}

@Injectable()
@TransactionParticipant('payments')
class Payments implements TryConfirmCancel<Payment> {
  readonly calls: string[] = [];

  constructor(@InjectTxRepository(Account) private readonly accounts: TxRepository<Account>) {}

  async prepare({ account, amount }: Payment): Promise<void> {
    const { balance } = await this.accounts.findOneOrFail(account);
    if (balance < amount) throw new Error('insufficient funds');
    await this.accounts.update(account, { balance: balance - amount });
    this.calls.push('prepare');
  }

  async commit(): Promise<void> {
    this.calls.push('commit');
  }

  async rollback({ account, amount }: Payment): Promise<void> {
    const { balance } = await this.accounts.findOneOrFail(account);
    await this.accounts.update(account, { balance: balance + amount });
    this.calls.push('rollback');
  }
}

@Injectable()
class Orders {
  constructor(
    @InjectTxRepository(Account) private readonly accounts: TxRepository<Account>,
    @Inject(TransactionManager) private readonly manager: TransactionManager,
  ) {}

  @Transactional()
  async place(id: string, payment: Payment, participant = 'payments'): Promise<void> {
    this.manager.current()!.enlist(participant, payment);
    await this.accounts.insert({ id, balance: payment.amount });
  }
}

@Module({
  imports: [DistributedTxModule.forFeature([Account])],
  providers: [Orders, Payments, { provide: 'ALIAS', useExisting: Payments }],
})
class ShopModule {}

async function start(...providers: (new () => object)[]) {
  const module = await Test.createTestingModule({
    imports: [DistributedTxModule.forRoot({ store: 'embedded' }), ShopModule],
    providers,
  }).compile();
  module.useLogger(false);
  await module.init();
  return module;
}

describe('participants of an application', () => {
  it('are found among its providers, each once, and finished before it ends', async () => {
    const module = await start();
    const token = getTxRepositoryToken(Account);
    const accounts = module.get<TxRepository<Account>>(token, { strict: false });
    await accounts.insert({ id: 'anna', balance: 100 });
    const orders = module.get(Orders, { strict: false });

    await orders.place('1', { account: 'anna', amount: 60 });
    await expect(orders.place('2', { account: 'anna', amount: 60 })).rejects.toThrow(
      'insufficient funds',
    );

    expect((await accounts.findMany(['anna', '1', '2'])).map((one) => one?.balance)).toEqual([
      40,
      60,
      undefined,
    ]);
    const { calls } = module.get(Payments, { strict: false });
    await module.close();
    expect(calls).toEqual(['prepare', 'commit']);
  });

  it('are told by name when nobody provides them', async () => {
    const module = await start();
    const orders = module.get(Orders, { strict: false });
    const placing = orders.place('1', { account: 'anna', amount: 60 }, 'paymnets');

    await expect(placing).rejects.toBeInstanceOf(ParticipantUsageError);
    await expect(placing).rejects.toThrow(/"paymnets".*known: payments/);
    await module.close();
  });

  it('have names of their own', async () => {
    @Injectable()
    @TransactionParticipant('payments')
    class Others {
      async prepare(): Promise<void> {}
      async commit(): Promise<void> {}
      async rollback(): Promise<void> {}
    }

    const starting = start(Others);

    await expect(starting).rejects.toBeInstanceOf(ModuleOptionsError);
    await expect(starting).rejects.toThrow(/Two participants are named payments/);
  });
});
