import {
  Global,
  Inject,
  Injectable,
  Module,
  type DynamicModule,
  type INestApplicationContext,
  type OnApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  DistributedTxModule,
  getTxRepositoryToken,
  InjectTxRepository,
  Transactional,
  TransactionManager,
  TxEntity,
  TxRepository,
  type DistributedTxModuleOptions,
  type DistributedTxOptionsFactory,
  type VersionedStore,
} from '../../lib/index.js';
import { DistributedTxRuntime } from '../../lib/module/distributed-tx.runtime.js';
import { EmbeddedStore } from '../../lib/store/embedded/embedded-store.js';
import { addTo, Tally } from './support/counting-entities.js';

const embedded = { store: 'embedded' } as const;

@Injectable()
class TallyService {
  constructor(@InjectTxRepository(Tally) readonly tallies: TxRepository<Tally>) {}
}

@Module({
  imports: [DistributedTxModule.forFeature([Tally])],
  providers: [TallyService],
  exports: [TallyService],
})
class TallyModule {}

type Imports = NonNullable<DynamicModule['imports']>;

function start(...imports: Imports): Promise<INestApplicationContext> {
  @Module({})
  class AppModule {}
  return NestFactory.createApplicationContext(
    { module: AppModule, imports },
    { logger: false, abortOnError: false },
  );
}

async function startAndCount(...imports: Imports): Promise<number> {
  const app = await start(...imports);
  const { tallies } = app.get(TallyService, { strict: false });
  const total = await addTo(tallies, 'a', 'x');
  await app.close();
  return total;
}

async function failureOf(...imports: Imports): Promise<Error> {
  const error = await start(...imports).catch((thrown: unknown) => thrown);
  if (error instanceof Error) return error;
  await (error as INestApplicationContext).close();
  throw new Error('The application started');
}

const OPTIONS = Symbol('options');

@Injectable()
class OptionsFactory implements DistributedTxOptionsFactory {
  async createDistributedTxOptions(): Promise<DistributedTxModuleOptions> {
    return embedded;
  }
}

@Global()
@Module({
  providers: [OptionsFactory, { provide: OPTIONS, useValue: embedded }],
  exports: [OptionsFactory, OPTIONS],
})
class ConfigModule {}

describe('DistributedTxModule', () => {
  it.each<[string, () => Imports]>([
    ['forRoot', () => [DistributedTxModule.forRoot(embedded)]],
    [
      'forRootAsync and useFactory',
      () => [
        DistributedTxModule.forRootAsync({
          inject: [OPTIONS],
          useFactory: async (options: DistributedTxModuleOptions) => options,
        }),
        ConfigModule,
      ],
    ],
    [
      'forRootAsync and useFactory over an imported module',
      () => [
        DistributedTxModule.forRootAsync({
          imports: [ConfigModule],
          inject: [OPTIONS],
          useFactory: (options: DistributedTxModuleOptions) => options,
        }),
      ],
    ],
    [
      'forRootAsync and useClass',
      () => [DistributedTxModule.forRootAsync({ useClass: OptionsFactory })],
    ],
    [
      'forRootAsync and useExisting',
      () => [DistributedTxModule.forRootAsync({ useExisting: OptionsFactory }), ConfigModule],
    ],
  ])('is configured by %s', async (_, imports) => {
    expect(await startAndCount(...imports(), TallyModule)).toBe(1);
  });

  it('is global, and its manager can be injected everywhere', async () => {
    @Injectable()
    class Far {
      constructor(@Inject(TransactionManager) readonly manager: TransactionManager) {}
    }
    @Module({ providers: [Far] })
    class FarModule {}
    const app = await start(DistributedTxModule.forRoot(embedded), FarModule);
    expect(app.get(Far, { strict: false }).manager).toBe(app.get(TransactionManager));
    await app.close();
  });

  it('can be had where it is imported only', async () => {
    const root = DistributedTxModule.forRoot({ ...embedded, isGlobal: false });
    const feature = DistributedTxModule.forFeature([Tally], { imports: [root] });
    @Module({ imports: [root, feature], providers: [TallyService] })
    class LocalModule {}
    expect(await startAndCount(LocalModule)).toBe(1);
    const error = await failureOf(root, TallyModule);
    expect(error.message).toMatch(/Tally.*forRoot\(\).*isGlobal: false/);
  });

  it.each([true, false])(
    'lets the onModuleInit of other modules have transactions, where it is global: %p',
    async (isGlobal) => {
      const totals: number[] = [];
      @Injectable()
      class Seed implements OnModuleInit {
        constructor(@InjectTxRepository(Tally) private readonly tallies: TxRepository<Tally>) {}
        async onModuleInit(): Promise<void> {
          order.push('seed');
          totals.push(await addTo(this.tallies, 'seed', 'x'));
        }
      }
      const order: string[] = [];
      const root = DistributedTxModule.forRoot({
        stores: { default: watchedStore(order) },
        isGlobal,
      });
      const feature = DistributedTxModule.forFeature([Tally], isGlobal ? {} : { imports: [root] });
      @Module({ imports: [feature], providers: [Seed] })
      class SeedModule {}
      const app = await start(SeedModule, root);
      expect([totals, order]).toEqual([[1], ['open', 'seed']]);
      await app.close();
    },
  );

  it('reaches classes of modules that do not import it', async () => {
    class Far {
      @Transactional()
      async status(manager: TransactionManager): Promise<string | undefined> {
        return manager.current()?.status;
      }
    }
    @Module({ providers: [Far] })
    class FarModule {}
    const app = await start(
      DistributedTxModule.forRoot({ ...embedded, isGlobal: false }),
      FarModule,
    );
    const far = app.get(Far, { strict: false });
    expect(await far.status(app.get(TransactionManager, { strict: false }))).toBe('active');
    await app.close();
  });

  it('gives each module the repositories of its forFeature, with one entity in several', async () => {
    @Module({ imports: [DistributedTxModule.forFeature([Tally])] })
    class AlsoTallies {}
    expect(
      await startAndCount(DistributedTxModule.forRoot(embedded), TallyModule, AlsoTallies),
    ).toBe(1);
  });

  it('provides repositories by their token', async () => {
    const app = await start(
      DistributedTxModule.forRoot(embedded),
      DistributedTxModule.forFeature([Tally]),
    );
    expect(app.get(getTxRepositoryToken(Tally), { strict: false })).toBeInstanceOf(TxRepository);
    await app.close();
  });

  it("lets the user's own shutdown hooks have transactions", async () => {
    const saved: number[] = [];
    @Injectable()
    class Flush implements OnApplicationShutdown {
      constructor(private readonly service: TallyService) {}
      async onApplicationShutdown(): Promise<void> {
        saved.push(await addTo(this.service.tallies, 'flushed', 'at the end'));
      }
    }
    @Module({ imports: [TallyModule], providers: [Flush] })
    class FlushModule {}
    const app = await start(DistributedTxModule.forRoot(embedded), FlushModule);
    await app.close();
    expect(saved).toEqual([1]);
  });

  it('drains what is under way, then closes its stores, and begins nothing more', async () => {
    const order: string[] = [];
    const store = watchedStore(order);
    const app = await start(
      DistributedTxModule.forRoot({ stores: { default: store } }),
      TallyModule,
    );
    const manager = app.get(TransactionManager);
    const { tallies } = app.get(TallyService, { strict: false });
    let finish = (): void => undefined;
    const running = manager.run(async () => {
      await new Promise<void>((resolve) => (finish = resolve));
      await manager.run(() => addTo(tallies, 'drained', 'x'), { propagation: 'REQUIRES_NEW' });
      order.push('worked');
    });
    const closing = app.close();
    await new Promise((resolve) => setImmediate(resolve));
    await expect(manager.run(async () => 1)).rejects.toThrow('shutting down');
    finish();
    await Promise.all([running, closing]);
    expect(order).toEqual(['open', 'worked', 'close']);
  });

  it('may be closed by two callers at once, while something is under way', async () => {
    const app = await start(DistributedTxModule.forRoot(embedded));
    let finish = (): void => undefined;
    const running = app
      .get(TransactionManager)
      .run(() => new Promise<void>((resolve) => (finish = resolve)));
    const runtime = app.get(DistributedTxRuntime);
    const closings = [runtime.close(), runtime.close()];
    finish();
    expect(await Promise.all([running, ...closings])).toHaveLength(3);
    await app.close();
  });

  it('waits for hooks that run after the commit', async () => {
    const app = await start(DistributedTxModule.forRoot(embedded));
    const manager = app.get(TransactionManager);
    let hookEnded = false;
    await manager.run(async () => {
      manager.current()?.onCommit(async () => {
        const closing = app.close().then(() => hookEnded);
        await new Promise((resolve) => setImmediate(resolve));
        hookEnded = true;
        seenAtClose = closing;
      });
    });
    expect(await seenAtClose).toBe(true);
  });
  let seenAtClose: Promise<boolean> | undefined;
});

describe('What is forgotten or wrong is said by name', () => {
  it('a missing forRoot', async () => {
    expect((await failureOf(TallyModule)).message).toMatch(
      /repository of Tally needs DistributedTxModule\.forRoot\(\) in the root module/,
    );
  });

  it('forRoot without options', async () => {
    const forRoot = Reflect.get(DistributedTxModule, 'forRoot') as () => DynamicModule;
    const error = await failureOf(Reflect.apply(forRoot, DistributedTxModule, []));
    expect([error.name, error.message]).toEqual([
      'ModuleOptionsError',
      expect.stringContaining("store: 'embedded'"),
    ]);
  });

  it('options that a factory forgot to return', async () => {
    const useFactory = (() => undefined) as unknown as () => DistributedTxModuleOptions;
    const error = await failureOf(DistributedTxModule.forRootAsync({ useFactory }));
    expect([error.name, error.message]).toEqual([
      'ModuleOptionsError',
      expect.stringContaining('undefined'),
    ]);
  });

  it('an entity that is in no forFeature', async () => {
    @Module({ providers: [TallyService] })
    class Forgetful {}
    const error = await failureOf(DistributedTxModule.forRoot(embedded), Forgetful);
    expect(error.message).toMatch(/TallyService.*Tally.*forFeature\(\[Tally\]\)/s);
  });

  it('an entity without @TxEntity', () => {
    class Plain {}
    const needsEntity = /Plain.*@TxEntity/;
    expect(() => DistributedTxModule.forFeature([Plain])).toThrow(needsEntity);
    expect(() => getTxRepositoryToken(Plain)).toThrow(needsEntity);
    expect(() => InjectTxRepository(Plain)).toThrow(needsEntity);
  });

  it('an entity that inherits @TxEntity only', () => {
    class Derived extends Tally {}
    expect(() => DistributedTxModule.forFeature([Derived])).toThrow(/Derived.*@TxEntity/);
  });

  it('an entity that is undefined, as after a circular import', () => {
    const missing = undefined as unknown as typeof Tally;
    expect(() => DistributedTxModule.forFeature([missing])).toThrow(/undefined.*@TxEntity/);
  });

  it('two entities with one name', async () => {
    @TxEntity({ name: 'tally' })
    class Rival {
      id!: string;
    }
    const order: string[] = [];
    const error = await failureOf(
      DistributedTxModule.forRoot({ stores: { default: watchedStore(order) } }),
      TallyModule,
      DistributedTxModule.forFeature([Rival]),
    );
    expect(order).toEqual([]);
    expect(error.message).toMatch(/(Rival and Tally|Tally and Rival) are both named 'tally'/);
  });

  it('a store that forRoot does not have', async () => {
    @TxEntity({ name: 'distant', store: 'cache' })
    class Distant {
      id!: string;
    }
    const error = await failureOf(
      DistributedTxModule.forRoot(embedded),
      DistributedTxModule.forFeature([Distant]),
    );
    expect(error.message).toMatch(/Distant wants the store 'cache'; forRoot\(\) has default/);
  });

  it('a second forRoot, before it opens a connection', async () => {
    const order: string[] = [];
    const error = await failureOf(
      DistributedTxModule.forRoot({ stores: { default: watchedStore(order) } }),
      DistributedTxModule.forRoot(embedded),
    );
    expect(error.message).toMatch(
      /forRoot\(\) is imported more than once.*forRoot\(\{ stores \}\)/,
    );
    expect(order).toEqual([]);
  });

  it('an embedded store in production', async () => {
    const before = process.env['NODE_ENV'];
    process.env['NODE_ENV'] = 'production';
    try {
      expect((await failureOf(DistributedTxModule.forRoot(embedded))).message).toMatch(
        /embedded.*production.*allowEmbeddedInProduction: true/,
      );
      const accepted = { ...embedded, allowEmbeddedInProduction: true };
      expect(await startAndCount(DistributedTxModule.forRoot(accepted), TallyModule)).toBe(1);
    } finally {
      process.env['NODE_ENV'] = before;
    }
  });

  it('a store that cannot be opened, and the others are closed again', async () => {
    const order: string[] = [];
    const broken = (context: ConstructorParameters<typeof EmbeddedStore>[0]): VersionedStore =>
      Object.assign(new EmbeddedStore(context), {
        open: () => Promise.reject(new RangeError('no such disk')),
      });
    const stores = { default: watchedStore(order), broken };
    const error = await failureOf(DistributedTxModule.forRoot({ stores }));
    expect(error.message).toContain('no such disk');
    expect(order).toEqual(['open', 'close']);
  });
});

function watchedStore(order: string[]) {
  return (context: ConstructorParameters<typeof EmbeddedStore>[0]): VersionedStore =>
    Object.assign(new EmbeddedStore(context), {
      open: async () => void order.push('open'),
      close: async () => void order.push('close'),
    });
}
