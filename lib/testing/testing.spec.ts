import { Injectable, Logger, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  DistributedTxModule,
  EntityDefinitionError,
  EntityNotFoundError,
  getTxRepositoryToken,
  InjectTxRepository,
  ModuleOptionsError,
  Transactional,
  TransactionManager,
  TransactionManagerMismatchError,
  TransactionManagerMissingError,
  TransactionTimeoutError,
  TxEntity,
  type TxRepository,
} from '../index.js';
import { EmbeddedStore } from '../store/embedded/embedded-store.js';
import {
  bindForTest,
  createTestTransactions,
  describeVersionedStore,
  DistributedTxTestingModule,
  embedDistributedTx,
  ManualClock,
  resetDistributedTx,
} from './index.js';

@TxEntity({ name: 'account', counters: ['balance'] })
class Account {
  id!: string;
  balance!: number;
}

@TxEntity({ name: 'log', store: 'logs' })
class Log {
  id!: string;
}

@Injectable()
class TransferService {
  constructor(@InjectTxRepository(Account) private readonly accounts: TxRepository<Account>) {}

  @Transactional()
  async transfer(from: string, to: string, amount: number): Promise<void> {
    await this.accounts.increment(from, 'balance', -amount, { min: 0 });
    await this.accounts.increment(to, 'balance', amount);
  }
}

Logger.overrideLogger(false);

describe('bindForTest', () => {
  it('runs the methods of an instance with fakes as transactions, in one line', async () => {
    const calls: unknown[] = [];
    const fake = {
      increment: (...args: unknown[]) => Promise.resolve(calls.push(args.slice(0, 3))),
    };
    const service = bindForTest(new TransferService(fake as unknown as TxRepository<Account>));

    await service.transfer('a', 'b', 5);

    expect(calls).toEqual([
      ['a', 'balance', -5],
      ['b', 'balance', 5],
    ]);
  });

  it('returns the instance itself, on which nothing shows', () => {
    const service = new TransferService({} as TxRepository<Account>);

    expect(bindForTest(service)).toBe(service);
    expect(Object.keys(service)).toEqual(['accounts']);
  });

  it('is what the error names when it is missing', async () => {
    const call = new TransferService({} as TxRepository<Account>).transfer('a', 'b', 1);

    await expect(call).rejects.toBeInstanceOf(TransactionManagerMissingError);
    await expect(call).rejects.toThrow('bindForTest(instance)');
  });

  it('lets instances share the transactions that they are given, and refuses others', () => {
    const transactions = createTestTransactions();
    const service = bindForTest(new TransferService({} as TxRepository<Account>), { transactions });

    expect(() => bindForTest(service, { transactions })).not.toThrow();
    expect(() => bindForTest(service)).toThrow(TransactionManagerMismatchError);
  });
});

describe('createTestTransactions', () => {
  it('has real repositories without Nest', async () => {
    const transactions = createTestTransactions();
    const accounts = transactions.repository(Account);
    const service = bindForTest(new TransferService(accounts), { transactions });
    await accounts.insert({ id: 'a', balance: 10 });
    await accounts.insert({ id: 'b', balance: 0 });

    await service.transfer('a', 'b', 4);
    await expect(service.transfer('a', 'b', 7)).rejects.toMatchObject({ field: 'balance' });

    const balances = (await accounts.findManyOrFail(['a', 'b'])).map(({ balance }) => balance);
    expect(balances).toEqual([6, 4]);
    expect(transactions.repository(Account)).toBe(accounts);
  });

  it('forgets everything when it is reset, and shares nothing with others', async () => {
    const [one, other] = [createTestTransactions(), createTestTransactions()];
    await one.repository(Account).insert({ id: 'a', balance: 1 });

    expect(await other.repository(Account).exists('a')).toBe(false);
    one.reset();
    expect(await one.repository(Account).exists('a')).toBe(false);
  });

  it('has further stores by name, and says which ones there are', async () => {
    const transactions = createTestTransactions({ stores: ['logs'] });
    await transactions.repository(Log).insert({ id: 'a' });

    expect(await transactions.repository(Log).exists('a')).toBe(true);
    expect(transactions.store.peekRaw('log:a')).toBeUndefined();
    transactions.reset();
    expect(await transactions.repository(Log).exists('a')).toBe(false);
    expect(() => createTestTransactions().repository(Log)).toThrow(EntityDefinitionError);
  });

  it('moves time-outs by a manual clock', async () => {
    const { clock, manager } = createTestTransactions({ clock: new ManualClock() });
    const call = manager.run(() => new Promise(() => undefined), { timeoutMs: 60_000 });
    call.catch(() => undefined);
    await clock.advance(60_000);

    await expect(call).rejects.toBeInstanceOf(TransactionTimeoutError);
  });

  it('takes the options of the module, and checks them', () => {
    expect(() => createTestTransactions({ maxTimeoutMs: 0 })).toThrow(ModuleOptionsError);
    const { manager } = createTestTransactions({ maxTimeoutMs: 5000 });
    expect(() => manager.begin({ timeoutMs: 5001 })).toThrow('timeoutMs');
  });
});

@Module({
  imports: [DistributedTxModule.forFeature([Account])],
  providers: [TransferService],
  exports: [TransferService],
})
class BankModule {}

@Module({
  imports: [DistributedTxModule.forRoot({ redis: 'redis://127.0.0.1:1' }), BankModule],
})
class AppModule {}

describe('DistributedTxTestingModule', () => {
  const environment = process.env['NODE_ENV'];
  afterEach(() => {
    process.env['NODE_ENV'] = environment;
  });

  it('stands in for the module, under NODE_ENV=production too', async () => {
    process.env['NODE_ENV'] = 'production';
    const options = { redis: 'redis://127.0.0.1:1', keyPrefix: 'app:', stores: undefined };
    const moduleRef = await Test.createTestingModule({
      imports: [DistributedTxTestingModule.forRoot(options), BankModule],
    }).compile();
    await moduleRef.init();

    const manager = moduleRef.get(TransactionManager, { strict: false });
    expect(manager).toBeInstanceOf(TransactionManager);
    const call = moduleRef.get(TransferService, { strict: false }).transfer('a', 'b', 1);
    await expect(call).rejects.toBeInstanceOf(EntityNotFoundError);
    await moduleRef.close();
  });

  it('is not needed where embedDistributedTx takes the whole application', async () => {
    const builder = Test.createTestingModule({ imports: [AppModule] });
    const moduleRef = await embedDistributedTx(builder).compile();
    await moduleRef.init();

    const call = moduleRef.get(TransferService, { strict: false }).transfer('a', 'b', 1);
    await expect(call).rejects.toBeInstanceOf(EntityNotFoundError);
    expect(() => resetDistributedTx(moduleRef)).not.toThrow();
    await moduleRef.close();
  });

  it('forgets all data between tests with resetDistributedTx', async () => {
    const moduleRef = await Test.createTestingModule({
      imports: [DistributedTxTestingModule.forRoot(), DistributedTxModule.forFeature([Account])],
    }).compile();
    const accounts = moduleRef.get<TxRepository<Account>>(getTxRepositoryToken(Account), {
      strict: false,
    });
    await accounts.insert({ id: 'a', balance: 1 });

    resetDistributedTx(moduleRef);

    expect(await accounts.exists('a')).toBe(false);
    await moduleRef.close();
  });

  it('is asked for by resetDistributedTx where a store is not embedded', async () => {
    class OtherStore extends EmbeddedStore {}
    const notEmbedded = new Proxy(
      new OtherStore({
        name: 'default',
        clock: new ManualClock(),
        lifetime: { longestTimeoutMs: 1, marginMs: 1, retentionMs: 1 },
      }),
      { getPrototypeOf: () => Object.prototype },
    );
    const moduleRef = await Test.createTestingModule({
      imports: [
        DistributedTxModule.forRoot({ stores: { logs: 'embedded', default: () => notEmbedded } }),
      ],
    }).compile();

    expect(() => resetDistributedTx(moduleRef)).toThrow(ModuleOptionsError);
    expect(() => resetDistributedTx(moduleRef)).toThrow('DistributedTxTestingModule');
  });
});

describe('describeVersionedStore', () => {
  it('defines its tests with the framework it is given', async () => {
    const titles: string[] = [];
    const tests: (() => Promise<void>)[] = [];
    const framework = {
      describe: (title: string, define: () => void) => {
        titles.push(title);
        define();
      },
      it: (_: string, run: () => Promise<void>) => tests.push(run),
    };
    let closed = 0;
    describeVersionedStore(
      'Mine',
      (lifetime) => {
        const clock = new ManualClock();
        const store = new EmbeddedStore({ name: 'default', clock, lifetime });
        return {
          store,
          clock,
          setForeign: (key, value) => store.setForeign(key, value),
          close: () => void closed++,
        };
      },
      framework,
      { keepsTurns: true },
    );

    expect(titles[0]).toBe('Mine keeps the contract of a versioned store');
    expect(tests.length).toBeGreaterThan(100);
    for (const run of tests.slice(0, 5)) await run();
    expect(closed).toBe(5);
  });

  it('says what it needs where there is no framework', () => {
    expect(() => describeVersionedStore('Mine', () => Promise.reject(new Error()), {})).toThrow(
      /pass them/,
    );
  });
});
