// What nestjs-distributed-tx/testing gives to tests.
import { Test } from '@nestjs/testing';
import { TxEntity, type Transaction, type TxRepository } from 'nestjs-distributed-tx';
import {
  bindForTest,
  createTestTransactions,
  describeVersionedStore,
  DistributedTxTestingModule,
  embedDistributedTx,
  ManualClock,
  resetDistributedTx,
  type StoreFixture,
} from 'nestjs-distributed-tx/testing';
import * as nodeTest from 'node:test';

@TxEntity({ name: 'account' })
class Account {
  id!: string;
}

class Service {
  constructor(readonly accounts: TxRepository<Account>) {}
}

declare function createFixture(): Promise<StoreFixture>;

export async function usage(): Promise<void> {
  const clock = new ManualClock();
  const transactions = createTestTransactions({ clock, limits: { items: 5 } });
  const advanced: Promise<void> = transactions.clock.advance(1);
  const repository: TxRepository<Account> = transactions.repository(Account);
  const service: Service = bindForTest(new Service(repository), { transactions });
  const current: Transaction | undefined = transactions.manager.current();
  // @ts-expect-error: without a manual clock nothing can be advanced.
  await createTestTransactions().clock.advance(1);
  // @ts-expect-error: tests have no Redis.
  createTestTransactions({ redis: 'redis://localhost' });
  // @ts-expect-error: only an instance can be bound.
  bindForTest('Service');

  const moduleRef = await Test.createTestingModule({
    imports: [DistributedTxTestingModule.forRoot({ redis: 'redis://localhost' })],
  }).compile();
  resetDistributedTx(moduleRef);
  await embedDistributedTx(Test.createTestingModule({ imports: [] })).compile();
  resetDistributedTx(moduleRef.createNestApplication());

  describeVersionedStore('mine', createFixture);
  describeVersionedStore('mine', createFixture, nodeTest);
  void [advanced, service, current];
}
