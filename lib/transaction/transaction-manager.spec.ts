import type { TxRepository } from '../repository/index.js';
import { TxEntity } from '../repository/index.js';
import {
  TransactionNotAllowedError,
  TransactionOptionsError,
  TransactionReadOnlyError,
  TransactionRequiredError,
  TransactionRolledBackError,
  TransactionTimeoutError,
} from '../errors/index.js';
import { ManualClock } from '../testing/index.js';
import {
  createScriptedTransactions,
  gate,
  watch,
  type ScriptedTransactions,
} from '../../test/support/scripted-store.js';
import type { TransactionOptions } from './transaction-options.js';
import type { Transaction } from './transaction.js';

@TxEntity({ name: 'item', counters: ['stock'] })
class Item {
  id!: string;
  text!: string;
  stock!: number;
}

const item = (id: string, text = 'first', stock = 10): Item => ({ id, text, stock }) as Item;
const fail = (): Promise<never> => Promise.reject(new Error('inner'));

let clock: ManualClock;
let transactions: ScriptedTransactions;
let items: TxRepository<Item>;

beforeEach(() => {
  clock = new ManualClock();
  transactions = createScriptedTransactions({ clock });
  items = transactions.repository(Item);
});

function run<T>(work: () => Promise<T>, options?: TransactionOptions): Promise<T> {
  return transactions.manager.run(work, options);
}

const current = (): Transaction | undefined => transactions.manager.current();

/** Which transaction an inner call of a mode has: `same`, `own`, `none`, or the error. */
async function seenBy(propagation: TransactionOptions['propagation'], inside: boolean) {
  const inner = async (outer: Transaction | undefined): Promise<string> => {
    try {
      return await run(
        async () => {
          if (current() === undefined) return 'none';
          return current() === outer ? 'same' : 'own';
        },
        { propagation },
      );
    } catch (error) {
      return (error as Error).name;
    }
  };
  return inside ? run(() => inner(current())).catch((e: Error) => e.name) : inner(undefined);
}

describe('propagation', () => {
  it.each([
    ['REQUIRED', 'own', 'same'],
    ['REQUIRES_NEW', 'own', 'own'],
    ['SUPPORTS', 'none', 'same'],
    ['MANDATORY', TransactionRequiredError.name, 'same'],
    ['NOT_SUPPORTED', 'none', 'none'],
    ['NEVER', 'none', TransactionNotAllowedError.name],
    ['NESTED', 'own', 'same'],
  ] as const)('%s has outside %s and inside %s', async (mode, outside, inside) => {
    expect(await seenBy(mode, false)).toBe(outside);
    expect(await seenBy(mode, true)).toBe(inside);
  });

  it('REQUIRES_NEW commits though the outer transaction fails', async () => {
    const call = run(async () => {
      await items.save(item('outer'));
      await run(() => items.save(item('own')), { propagation: 'REQUIRES_NEW' });
      return fail();
    });

    await expect(call).rejects.toThrow('inner');
    expect(await items.findMany(['outer', 'own'])).toEqual([null, expect.any(Item)]);
  });

  it('NOT_SUPPORTED lets each operation commit by itself', async () => {
    const call = run(async () => {
      await run(() => items.save(item('direct')), { propagation: 'NOT_SUPPORTED' });
      return fail();
    });

    await expect(call).rejects.toThrow('inner');
    expect(await items.exists('direct')).toBe(true);
  });

  it('an inner failure that the outer method swallows dooms the transaction', async () => {
    const call = run(async () => {
      await items.save(item('a'));
      await run(fail).catch(() => undefined);
    });

    await expect(call).rejects.toBeInstanceOf(TransactionRolledBackError);
    await expect(call).rejects.toMatchObject({ cause: { message: 'inner' } });
    expect(await items.findOne('a')).toBeNull();
  });

  it('an inner error that does not roll back may be swallowed', async () => {
    await run(async () => {
      await items.save(item('a'));
      await run(fail, { noRollbackFor: [Error] }).catch(() => undefined);
    });

    expect(await items.exists('a')).toBe(true);
  });

  it.each<readonly [TransactionOptions, TransactionOptions]>([
    [{ isolation: 'read-committed' }, { isolation: 'serializable' }],
    [{ readOnly: true }, { readOnly: false }],
    [{ timeoutMs: 10 }, { timeoutMs: 11 }],
    [{}, { retry: { attempts: 2 } }],
    [{ timeoutMs: 10 }, { timeoutMs: 11, propagation: 'NESTED' }],
  ])('options that contradict are refused: inside %j not %j', async (outer, inner) => {
    await expect(run(() => run(async () => 1, inner), outer)).rejects.toBeInstanceOf(
      TransactionOptionsError,
    );
    await expect(
      run(() => run(async () => 1, { ...inner, propagation: 'REQUIRES_NEW' }), outer),
    ).resolves.toBe(1);
  });

  it('readOnly guards the inner method only', async () => {
    await run(async () => {
      await run(
        async () => {
          await expect(items.save(item('a'))).rejects.toBeInstanceOf(TransactionReadOnlyError);
          await expect(items.increment('a', 'stock', 1)).rejects.toBeInstanceOf(
            TransactionReadOnlyError,
          );
          await expect(items.delete('a')).rejects.toBeInstanceOf(TransactionReadOnlyError);
          await run(() =>
            expect(items.insert(item('a'))).rejects.toBeInstanceOf(TransactionReadOnlyError),
          );
        },
        { readOnly: true },
      );
      await items.save(item('a', 'outer'));
    });

    expect(await items.findOneOrFail('a')).toMatchObject({ text: 'outer' });
  });

  it('a time-out of its own ends the inner method, and the whole transaction', async () => {
    const answer = watch(
      run(() => run(() => new Promise(() => undefined), { timeoutMs: 10 }), { timeoutMs: 1000 }),
    );
    await clock.advance(10);

    expect(answer.error).toBeInstanceOf(TransactionTimeoutError);
    expect(answer.error).toMatchObject({ timeoutMs: 10 });
  });
});

describe('a savepoint', () => {
  const nested = <T>(work: () => Promise<T>, options: TransactionOptions = {}): Promise<T> =>
    run(work, { ...options, propagation: 'NESTED' });

  it('takes back its own writes when it fails, and leaves those around it', async () => {
    await run(async () => {
      await items.save(item('a', 'outer'));
      await nested(async () => {
        await items.save(item('a', 'inner'));
        await items.save(item('b', 'inner'));
        return fail();
      }).catch(() => undefined);
      expect(await items.findOneOrFail('a')).toMatchObject({ text: 'outer' });
      expect(await items.findOne('b')).toBeNull();
    });

    expect(await items.findMany(['a', 'b'])).toEqual([
      expect.objectContaining({ text: 'outer' }),
      null,
    ]);
  });

  it('keeps its reads when it fails, since the failure depended on them', async () => {
    await items.save(item('a', 'one'));
    let runs = 0;
    await run(async () => {
      runs++;
      await nested(async () => {
        await items.findOneOrFail('a');
        if (runs === 1) {
          await run(() => items.save(item('a', 'two')), { propagation: 'REQUIRES_NEW' });
        }
        return fail();
      }).catch(() => undefined);
      await items.save(item('b'));
      if (runs === 1) void clock.advance(0);
    });

    expect(runs).toBe(2);
  });

  it('keeps its writes when it succeeds, and goes with the transaction when that fails', async () => {
    await run(() => nested(() => items.save(item('a'))));
    expect(await items.exists('a')).toBe(true);

    const call = run(async () => {
      await nested(() => items.save(item('b')));
      return fail();
    });
    await expect(call).rejects.toThrow('inner');
    expect(await items.exists('b')).toBe(false);
  });

  it('fails, and only it, when a method that joined it failed and was swallowed', async () => {
    await run(async () => {
      await items.save(item('a', 'outer'));
      const inner = nested(async () => {
        await items.save(item('a', 'inner'));
        await run(fail).catch(() => undefined);
      });
      await expect(inner).rejects.toBeInstanceOf(TransactionRolledBackError);
    });

    expect(await items.findOneOrFail('a')).toMatchObject({ text: 'outer' });
  });

  it('that failed writes nothing any more, though operations of it are still under way', async () => {
    await items.save(item('slow', 'before'));
    const waiting = gate();
    transactions.store.beforeRead = (keys) =>
      keys.includes('item:slow') ? waiting.opened : undefined;

    await run(async () => {
      const inner = nested(async () => {
        void items.update('slow', { text: 'floating' });
        await Promise.all([items.update('slow', { text: 'leaked' }), fail()]);
      });
      await inner.catch(() => undefined);
      waiting.open();
      await items.findOne('other');
      await items.save(item('a'));
    });

    expect(await items.findManyOrFail(['slow', 'a'])).toMatchObject([
      { text: 'before' },
      { text: 'first' },
    ]);
  });

  it('that failed is refused what it still tries, and dooms nobody by that', async () => {
    const waiting = gate();
    const late: Record<string, Promise<unknown>> = {};
    await run(async () => {
      const outer = current()!;
      await nested(async () => {
        late['write'] = waiting.opened.then(() => items.save(item('late')));
        late['hook'] = waiting.opened.then(() => outer.onCommit(() => undefined));
        late['method'] = waiting.opened.then(() => run(() => items.save(item('late'))));
        late['nested'] = waiting.opened.then(() => nested(() => items.save(item('late'))));
        for (const call of Object.values(late)) call.catch(() => undefined);
        return fail();
      }).catch(() => undefined);
      waiting.open();
      await Promise.allSettled(Object.values(late));
      await items.save(item('a'));
    });

    for (const call of Object.values(late)) {
      await expect(call).rejects.toMatchObject({ name: 'TransactionClosedError' });
    }
    expect(await items.findMany(['a', 'late'])).toEqual([expect.any(Item), null]);
  });

  it('that ran out of its time writes nothing any more', async () => {
    const waiting = gate();
    const answer = watch(
      run(async () => {
        const inner = nested(
          async () => {
            await waiting.opened;
            await items.save(item('late'));
          },
          { timeoutMs: 10 },
        );
        await inner.catch(() => undefined);
        waiting.open();
        await new Promise((resolve) => setImmediate(resolve));
        await items.save(item('a'));
      }),
    );
    await clock.advance(10);
    await clock.advance(0);

    expect(answer).toEqual({ value: undefined });
    expect(await items.findMany(['a', 'late'])).toEqual([expect.any(Item), null]);
  });

  it('takes back its own increments only, beside those of a parallel one', async () => {
    await items.save(item('a', 'first', 10));
    await run(async () => {
      await Promise.allSettled([
        nested(async () => {
          await items.increment('a', 'stock', -1);
          await new Promise((resolve) => setImmediate(resolve));
          return fail();
        }),
        nested(() => items.increment('a', 'stock', -2)),
      ]);
    });

    expect(await items.findOneOrFail('a')).toMatchObject({ stock: 8 });
  });

  it.each([
    ['was not read', async () => undefined],
    ['was read', async () => void (await items.findOneOrFail('a'))],
  ])(
    'takes back its increments alone, among parallel ones, of an item that %s',
    async (_, read) => {
      await items.save(item('a', 'first', 10));
      await run(async () => {
        await read();
        await Promise.allSettled([
          nested(() => items.increment('a', 'stock', -1)),
          nested(async () => {
            await items.increment('a', 'stock', -2);
            return fail();
          }),
          nested(() => items.increment('a', 'stock', -4)),
        ]);
        expect(await items.findOneOrFail('a')).toMatchObject({ stock: 5 });
      });

      expect(await items.findOneOrFail('a')).toMatchObject({ stock: 5 });
    },
  );

  it('that is rolled back leaves no bound broken that held only because of it', async () => {
    await items.save(item('a', 'first', 1));
    const call = run(async () => {
      await items.findOneOrFail('a');
      const refill = gate();
      const inner = nested(async () => {
        await items.increment('a', 'stock', 5);
        await refill.opened;
        return fail();
      });
      await items.increment('a', 'stock', -4, { min: 0 });
      refill.open();
      await inner.catch(() => undefined);
    });

    await expect(call).rejects.toMatchObject({ name: 'CounterBoundError', value: 1, by: -4 });
    expect(await items.findOneOrFail('a')).toMatchObject({ stock: 1 });
  });

  it('many levels deep goes back to exactly where it began', async () => {
    const deep = async (level: number): Promise<void> => {
      await items.save(item('a', String(level)));
      if (level < 5) await nested(() => deep(level + 1)).catch(() => undefined);
      expect(await items.findOneOrFail('a')).toMatchObject({ text: String(level) });
      if (level > 1) return fail();
    };
    await run(() => deep(1));

    expect(await items.findOneOrFail('a')).toMatchObject({ text: '1' });
  });
});

describe('a manager', () => {
  it('waits at shutdown for what is running, and begins nothing more', async () => {
    const waiting = gate();
    const call = run(async () => {
      await waiting.opened;
      await run(() => items.save(item('own')), { propagation: 'REQUIRES_NEW' });
      await items.save(item('a'));
    });
    const closed = watch(transactions.manager.close().then(() => 'closed'));
    await clock.advance(0);
    expect(closed).toEqual({});
    await expect(items.findOne('a')).rejects.toMatchObject({ code: 'DTX-3002' });
    expect(() => transactions.manager.begin()).toThrow('shutting down');

    waiting.open();
    await call;
    await clock.advance(0);
    expect(closed).toEqual({ value: 'closed' });
    expect(transactions.store.inner.peekRaw('item:a')).toBeDefined();
  });

  it('closes at once where nothing runs, and as often as it is asked to', async () => {
    await expect(transactions.manager.close()).resolves.toBeUndefined();
    await expect(transactions.manager.close()).resolves.toBeUndefined();
  });

  it('closes as often as it is asked to while something runs', async () => {
    const waiting = gate();
    const call = run(() => waiting.opened);
    const closed = [transactions.manager.close(), transactions.manager.close()].map(watch);
    waiting.open();
    await call;
    await clock.advance(0);

    expect(closed).toEqual([{ value: undefined }, { value: undefined }]);
  });

  it.each(['commit', 'rollback'] as const)(
    'waits at shutdown for the %s of a transaction begun by hand',
    async (end) => {
      const transaction = transactions.manager.begin();
      await transaction.run(() => items.save(item('a')));
      const closed = watch(transactions.manager.close().then(() => 'closed'));
      await clock.advance(0);
      expect(closed).toEqual({});

      await transaction[end]();
      await clock.advance(0);
      expect(closed).toEqual({ value: 'closed' });
    },
  );

  it('waits no longer than its deadline for one that nobody ends', async () => {
    transactions.manager.begin({ timeoutMs: 500 });
    const closed = watch(transactions.manager.close().then(() => 'closed'));
    await clock.advance(499);
    expect(closed).toEqual({});
    await clock.advance(1);
    expect(closed).toEqual({ value: 'closed' });
  });
});
