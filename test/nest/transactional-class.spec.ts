import type { OnModuleInit } from '@nestjs/common';
import {
  Transactional,
  TransactionalReturnTypeError,
  TransactionManagerMissingError,
  TransactionNotAllowedError,
  TransactionOptionsError,
  type Transaction,
  type TransactionManager,
} from '../../lib/index.js';
import { embeddedRuntime } from './support/plain-runtime.js';

const { manager } = embeddedRuntime();

/** What a method saw of its transaction. */
type Seen = Transaction | undefined;

class Parent {
  constructor(readonly manager: TransactionManager) {}

  async inherited(): Promise<Seen> {
    return this.manager.current();
  }

  async hidden(): Promise<Seen> {
    return this.manager.current();
  }
}

@Transactional({ name: 'covered' })
class Covered extends Parent implements OnModuleInit {
  inHook: Seen | 'never' = 'never';
  inConstructor: Seen;

  constructor(manager: TransactionManager) {
    super(manager);
    this.inConstructor = manager.current();
  }

  onModuleInit(): void {
    this.inHook = this.manager.current();
  }

  afterInit(): string {
    return 'not a transaction';
  }

  get current(): Seen {
    return this.manager.current();
  }

  override toString(): string {
    return 'as text';
  }

  toJSON(): string {
    return 'as JSON';
  }

  async own(): Promise<Seen> {
    return this.manager.current();
  }

  override async hidden(): Promise<Seen> {
    return super.hidden();
  }

  @Transactional({ propagation: 'NOT_SUPPORTED' })
  async without(): Promise<Seen> {
    return this.manager.current();
  }

  double(value: number): number {
    return value * 2;
  }

  refuse(): never {
    throw new RangeError('from a helper');
  }

  async usesHelper(): Promise<number> {
    return this.double(21);
  }

  async swallowsHelper(): Promise<string> {
    try {
      return this.refuse();
    } catch {
      return 'swallowed';
    }
  }
}

const committed = { status: 'committed' };

describe('A transactional class', () => {
  const covered = (): Covered => manager.bind(new Covered(manager));

  it('covers its own and its inherited methods', async () => {
    expect(await covered().own()).toMatchObject(committed);
    expect(await covered().inherited()).toMatchObject(committed);
    expect(await covered().hidden()).toMatchObject(committed);
  });

  it('leaves its base class as it is', async () => {
    expect(await new Parent(manager).inherited()).toBeUndefined();
  });

  it('leaves constructor, accessors and lifecycle hooks alone', () => {
    const instance = covered();
    instance.onModuleInit();
    expect([instance.inConstructor, instance.inHook, instance.current]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('leaves the lifecycle hooks of gateways alone', () => {
    expect(covered().afterInit()).toBe('not a transaction');
  });

  it('leaves alone what the language itself calls', () => {
    expect(`${String(covered())} ${JSON.stringify(covered())}`).toBe('as text "as JSON"');
  });

  it('gives way to the decorator of a class that extends it, but for decorated methods', async () => {
    @Transactional({ propagation: 'NEVER' })
    class Nearer extends Covered {}
    const nearer = manager.bind(new Nearer(manager));
    expect(await nearer.own()).toBeUndefined();
    expect(await nearer.inherited()).toBeUndefined();
    await manager.run(async () => {
      await expect(nearer.own()).rejects.toThrow(TransactionNotAllowedError);
      expect(await nearer.without()).toBeUndefined();
      expect(await covered().own()).toBe(manager.current());
    });
  });

  it('gives way to the decorator of a method', async () => {
    expect(await covered().without()).toBeUndefined();
  });

  it('lets a transaction call helpers that return no Promise', async () => {
    expect(await covered().usesHelper()).toBe(42);
  });

  it('lets a helper throw as ever, and is rolled back even where that is swallowed', async () => {
    await expect(covered().swallowsHelper()).rejects.toMatchObject({
      name: 'TransactionRolledBackError',
      cause: expect.any(RangeError),
    });
  });

  it('refuses a helper without a Promise outside of a transaction, at once', () => {
    expect(() => covered().double(21)).toThrow(TransactionalReturnTypeError);
  });

  it('passes on what a helper throws outside of a transaction as a rejection', async () => {
    await expect(async () => covered().refuse()).rejects.toThrow(RangeError);
  });

  it('says at once that no manager has reached it to the caller of a helper', () => {
    const orphan = Object.create(Covered.prototype) as Covered;
    expect(() => orphan.double(21)).toThrow(TransactionManagerMissingError);
  });

  it('says that no manager has reached it to the caller of an async method by rejecting', async () => {
    const orphan = Object.create(Covered.prototype) as Covered;
    await expect(orphan.own()).rejects.toThrow(TransactionManagerMissingError);
  });
});

describe('The decorator refuses, where it stands,', () => {
  const decorate = (target: object, method: string, descriptor?: PropertyDescriptor): unknown =>
    (Transactional() as (...args: unknown[]) => unknown)(target, method, descriptor);
  class Target {
    static create(): void {}
    get current(): number {
      return 1;
    }
  }
  it.each([
    ['a property', Target.prototype, 'work', undefined],
    [
      'an accessor',
      Target.prototype,
      'current',
      Object.getOwnPropertyDescriptor(Target.prototype, 'current'),
    ],
    ['a static method', Target, 'create', Object.getOwnPropertyDescriptor(Target, 'create')],
  ])('%s, by class and name', (_, target, method, descriptor) => {
    expect(() => decorate(target, method, descriptor)).toThrow(
      new RegExp(`Target\\.${method}.*methods and classes`),
    );
  });
});

describe('Wrong options of @Transactional() are refused where the class is defined', () => {
  const define = (options: object) => (): unknown => {
    class Orders {
      @Transactional(options)
      async place(): Promise<void> {}
    }
    return Orders;
  };

  it.each<[string, object, string]>([
    ['a value', { timeoutMs: -1 }, 'timeoutMs is -1; allowed is a whole number from 1 to 3600000.'],
    ['a type', { propagation: 'SOMETIMES' }, "propagation is 'SOMETIMES'; allowed is one of"],
    ['a name', { timeout: 5 }, 'timeout is no option; allowed is propagation, isolation,'],
    ['a misspelt name', { timeout: 5 }, 'Did you mean timeoutMs?'],
    ['a nested name', { retry: { attempt: 3 } }, 'retry.attempt is no option; allowed is attempts'],
  ])('%s, by class, method and option', (_, options, words) => {
    expect(define(options)).toThrow(TransactionOptionsError);
    expect(define(options)).toThrow('@Transactional() on Orders.place: ');
    expect(define(options)).toThrow(words);
  });

  it('those of a class by the class', () => {
    const decorate = (): void => {
      Transactional({ readOnly: 'yes' } as object)(class Ledger {});
    };
    expect(decorate).toThrow(/^@Transactional\(\) on Ledger: readOnly is 'yes'/);
  });

  it('a time-out that only the module does not allow is refused at the first call, by its method', async () => {
    class Reports {
      @Transactional({ timeoutMs: 3_600_000 })
      async build(): Promise<void> {}
    }
    await expect(manager.bind(new Reports()).build()).rejects.toThrow(
      /^Reports\.build: timeoutMs is 3600000; allowed is a whole number from 1 to 60000/,
    );
  });

  it('a decorator without parentheses, on a method and on a class', () => {
    const bare = Transactional as unknown as (...place: unknown[]) => unknown;
    class Orders {
      async place(): Promise<void> {}
    }
    const descriptor = Object.getOwnPropertyDescriptor(Orders.prototype, 'place');
    for (const place of [[Orders.prototype, 'place', descriptor], [Orders]]) {
      expect(() => bare(...place)).toThrow(TransactionOptionsError);
      expect(() => bare(...place)).toThrow(/@Transactional stands on Orders.*@Transactional\(\)/);
    }
    expect(() => bare(Orders.prototype, 'place', descriptor)).toThrow('Orders.place');
  });
});
