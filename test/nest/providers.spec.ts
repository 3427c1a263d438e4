import { Inject, Injectable, Module, Scope, type INestApplicationContext } from '@nestjs/common';
import { ContextIdFactory, ModuleRef, NestFactory } from '@nestjs/core';
import {
  DistributedTxModule,
  getTxRepositoryToken,
  InjectTxRepository,
  Transactional,
  TransactionalReturnTypeError,
  TransactionManager,
  TransactionManagerMismatchError,
  TransactionManagerMissingError,
  type Transaction,
  type TxRepository,
} from '../../lib/index.js';
import { addTo, Tally } from './support/counting-entities.js';

/** What a method saw of its transaction. */
type Seen = Transaction | undefined;

const SYMBOL_METHOD = Symbol('a method');

@Injectable()
class PlainService {
  #private = 'kept';

  constructor(
    readonly manager: TransactionManager,
    @InjectTxRepository(Tally) private readonly tallies: TxRepository<Tally>,
  ) {}

  @Transactional()
  async add(id: string): Promise<number> {
    return addTo(this.tallies, id, this.#private);
  }

  @Transactional()
  async addAndFail(id: string): Promise<void> {
    await this.addWithin(id);
    throw new RangeError('after the write');
  }

  @Transactional({ propagation: 'MANDATORY' })
  async addWithin(id: string): Promise<number> {
    return addTo(this.tallies, id, this.#private);
  }

  @Transactional()
  async [SYMBOL_METHOD](): Promise<Seen> {
    return this.manager.current();
  }

  @Transactional()
  wrong(id: string): Promise<number> {
    void this.addWithin(id).catch(() => undefined);
    return 5 as unknown as Promise<number>;
  }
}

abstract class Base {
  @Inject(TransactionManager) readonly manager!: TransactionManager;

  @Transactional()
  async own(): Promise<Seen> {
    return this.manager.current();
  }

  @Transactional()
  async overridden(): Promise<Seen[]> {
    return [this.manager.current()];
  }

  @Transactional()
  async replaced(): Promise<Seen> {
    return this.manager.current();
  }

  abstract implemented(): Promise<Seen>;
}

/** Neither a constructor nor `@Injectable()`. */
class Derived extends Base {
  @Transactional()
  override async overridden(): Promise<Seen[]> {
    return [...(await super.overridden()), this.manager.current()];
  }

  override async replaced(): Promise<Seen> {
    return this.manager.current();
  }

  @Transactional()
  async implemented(): Promise<Seen> {
    return this.manager.current();
  }
}

@Injectable({ scope: Scope.REQUEST })
class RequestScoped {
  constructor(readonly manager: TransactionManager) {}

  @Transactional()
  async seen(): Promise<Seen> {
    return this.manager.current();
  }
}

@Injectable({ scope: Scope.TRANSIENT })
class Transient {
  constructor(readonly manager: TransactionManager) {}

  @Transactional()
  async seen(): Promise<Seen> {
    return this.manager.current();
  }
}

@Injectable()
class TransientUser {
  constructor(readonly transient: Transient) {}
}

@Injectable()
class OtherTransientUser extends TransientUser {}

/** What no container has made. */
class ByHand {
  manager: TransactionManager | undefined;

  @Transactional()
  async seen(): Promise<Seen> {
    return this.manager?.current();
  }
}

const value = new ByHand();
const FACTORY = Symbol('factory');
const ASYNC_FACTORY = Symbol('async factory');

@Module({
  imports: [DistributedTxModule.forFeature([Tally])],
  providers: [
    PlainService,
    Derived,
    RequestScoped,
    Transient,
    TransientUser,
    OtherTransientUser,
    { provide: ByHand, useValue: value },
    { provide: FACTORY, useFactory: () => new ByHand() },
    { provide: ASYNC_FACTORY, useFactory: async () => new ByHand() },
    { provide: 'alias', useExisting: FACTORY },
    { provide: 'null', useValue: null },
    { provide: 'frozen', useValue: Object.freeze({ plain: true }) },
  ],
})
class FeatureModule {}

async function start(module: unknown = FeatureModule): Promise<INestApplicationContext> {
  @Module({
    imports: [DistributedTxModule.forRoot({ store: 'embedded' }), module as typeof FeatureModule],
  })
  class AppModule {}
  return NestFactory.createApplicationContext(AppModule, { logger: false, abortOnError: false });
}

let app: INestApplicationContext;
let manager: TransactionManager;
let tallies: TxRepository<Tally>;
let drawn = 0;
let id = '';

beforeAll(async () => {
  app = await start();
  manager = app.get(TransactionManager);
  tallies = app.get<TxRepository<Tally>>(getTxRepositoryToken(Tally), { strict: false });
});
afterAll(() => app.close());
beforeEach(() => (id = `p${++drawn}`));

function get<T>(token: unknown): T {
  return app.get<T>(token as string, { strict: false });
}

const committed = { status: 'committed' };

describe('A transactional method', () => {
  it('of a service with private fields commits', async () => {
    expect(await get<PlainService>(PlainService).add(id)).toBe(1);
    expect(await tallies.findOne(id)).toMatchObject({ total: 1, by: 'kept' });
  });

  it('takes the methods it calls on itself into its transaction, and rolls them back', async () => {
    await expect(get<PlainService>(PlainService).addAndFail(id)).rejects.toThrow(RangeError);
    expect(await tallies.exists(id)).toBe(false);
  });

  it('may be named by a symbol', async () => {
    expect(await get<PlainService>(PlainService)[SYMBOL_METHOD]()).toMatchObject(committed);
  });

  it('keeps the name and the length of the original', () => {
    const add = Object.getOwnPropertyDescriptor(PlainService.prototype, 'add')?.value as Function;
    expect([add.name, add.length]).toEqual(['add', 1]);
  });

  it('that returns neither a Promise nor an Observable is rolled back and refused', async () => {
    const wrong = get<PlainService>(PlainService).wrong(id);
    await expect(wrong).rejects.toThrow(TransactionalReturnTypeError);
    await expect(wrong).rejects.toThrow(/PlainService\.wrong\(\) returned a value of type number/);
    expect(await tallies.exists(id)).toBe(false);
  });

  it('works on an abstract base, without a constructor and without @Injectable()', async () => {
    const derived = get<Derived>(Derived);
    expect(await derived.own()).toMatchObject(committed);
    expect(await derived.implemented()).toMatchObject(committed);
  });

  it('shares one transaction with the method it overrides and calls', async () => {
    const [inBase, inDerived] = await get<Derived>(Derived).overridden();
    expect(inBase).toMatchObject(committed);
    expect(inDerived).toBe(inBase);
  });

  it('is no transaction any more where it is overridden without the decorator', async () => {
    expect(await get<Derived>(Derived).replaced()).toBeUndefined();
  });

  it('works on request-scoped providers, each with its own instance', async () => {
    const resolve = (): Promise<RequestScoped> =>
      app.get(ModuleRef).resolve(RequestScoped, ContextIdFactory.create(), { strict: false });
    const [first, second] = await Promise.all([resolve(), resolve()]);
    expect(first).not.toBe(second);
    expect(await first.seen()).toMatchObject(committed);
    expect(await second.seen()).toMatchObject(committed);
  });

  it('works on transient providers', async () => {
    const first = get<TransientUser>(TransientUser).transient;
    const second = get<TransientUser>(OtherTransientUser).transient;
    expect(first).not.toBe(second);
    expect(await first.seen()).toMatchObject(committed);
    expect(await second.seen()).toMatchObject(committed);
  });

  it.each([
    ['a value', ByHand],
    ['a factory', FACTORY],
    ['an async factory', ASYNC_FACTORY],
    ['an alias', 'alias'],
  ])('works on what %s provides', async (_, token) => {
    const instance = get<ByHand>(token);
    instance.manager = manager;
    expect(await instance.seen()).toMatchObject(committed);
  });

  it('works on what ModuleRef.create() makes', async () => {
    class Unlisted extends Transient {}
    const made = await app.get(ModuleRef).create(Unlisted);
    expect(await made.seen()).toMatchObject(committed);
  });

  it('works on what is bound by hand', async () => {
    const instance = manager.bind(new ByHand());
    instance.manager = manager;
    expect(await instance.seen()).toMatchObject(committed);
    expect(manager.bind(instance)).toBe(instance);
  });

  it('leaves no trace on its instance that shows in logs or comparisons', () => {
    const bound = manager.bind(new ByHand());
    expect(Object.keys(bound)).toEqual(['manager']);
    expect(JSON.stringify(bound)).toBe('{}');
    expect(bound).toEqual(new ByHand());
  });

  it('that no manager has reached names class, method and the ways out', async () => {
    const orphan = new ByHand().seen();
    await expect(orphan).rejects.toThrow(TransactionManagerMissingError);
    await expect(orphan).rejects.toThrow(
      /ByHand\.seen\(\).*DistributedTxModule\.forRoot\(\).*transactionManager\.bind\(instance\).*bindForTest/s,
    );
  });

  it('that was taken off its instance says so by a rejection, not by a crash', async () => {
    const seen = Reflect.get(value, 'seen') as (this: void) => Promise<Seen>;
    await expect(seen()).rejects.toThrow(TransactionManagerMissingError);
  });
});

describe('Two applications in one process', () => {
  it('do not meet: each class has the manager of its application', async () => {
    @Module({ imports: [DistributedTxModule.forFeature([Tally])], providers: [PlainService] })
    class OtherModule {}
    const other = await start(OtherModule);
    const otherService = other.get(PlainService, { strict: false });
    await otherService.add(id);
    expect(otherService.manager).not.toBe(manager);
    expect(await tallies.exists(id)).toBe(false);
    await manager.run(async () => {
      expect(otherService.manager.current()).toBeUndefined();
      expect(await otherService[SYMBOL_METHOD]()).not.toBe(manager.current());
    });
    await other.close();
  });

  it('cannot share an instance: the second one refuses to start, by its class', async () => {
    const starting = start();
    await expect(starting).rejects.toThrow(TransactionManagerMismatchError);
    await expect(starting).rejects.toThrow(/ByHand/);
  });

  it('may have an instance one after the other', async () => {
    const shared = new ByHand();
    @Module({ providers: [{ provide: ByHand, useValue: shared }] })
    class SharedModule {}
    const first = await start(SharedModule);
    await first.close();
    const second = await start(SharedModule);
    shared.manager = second.get(TransactionManager);
    expect(await shared.seen()).toMatchObject(committed);
    await second.close();
  });
});
