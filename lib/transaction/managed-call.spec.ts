import {
  EntityNotFoundError,
  StoreUnavailableError,
  TransactionalReturnTypeError,
  TransactionClosedError,
  TransactionConflictError,
  TransactionTimeoutError,
} from '../errors/index.js';
import { TxEntity, type TxRepository } from '../repository/index.js';
import { ManualClock } from '../testing/index.js';
import {
  createScriptedTransactions,
  gate,
  watch,
  type ScriptedTransactions,
} from '../../test/support/scripted-store.js';
import type { Transaction } from './transaction.js';

@TxEntity({ name: 'item', counters: ['stock'] })
class Item {
  id!: string;
  text!: string;
  stock!: number;
}

const item = (id: string, text = 'first', stock = 0): Item => ({ id, text, stock }) as Item;

class UserError extends Error {}

describe('a call', () => {
  let transactions: ScriptedTransactions;
  let items: TxRepository<Item>;

  beforeEach(() => {
    transactions = createScriptedTransactions();
    items = transactions.repository(Item);
  });

  /** Somebody else writes, in a transaction of his own. */
  const meanwhile = (text: string): Promise<Item> =>
    transactions.manager.run(() => items.save(item('a', text)), { propagation: 'REQUIRES_NEW' });

  it('commits what was written when its promise resolves, and gives its value', async () => {
    const value = await transactions.manager.run(async () => {
      await items.save(item('a'));
      return 'done';
    });

    expect(value).toBe('done');
    expect(await items.findOne('a')).toMatchObject({ text: 'first' });
  });

  it('writes nothing when it rejects, and passes the error on as it is', async () => {
    const error = new UserError('no');

    const call = transactions.manager.run(async () => {
      await items.save(item('a'));
      throw error;
    });

    await expect(call).rejects.toBe(error);
    expect(await items.findOne('a')).toBeNull();
    expect(transactions.store.calls.commit).toBe(0);
  });

  it('calls its work at once, and is not current afterwards', async () => {
    let current: Transaction | undefined;
    const call = transactions.manager.run(() => {
      current = transactions.manager.current();
      return Promise.resolve();
    });

    expect(current).toBeDefined();
    expect(transactions.manager.current()).toBeUndefined();
    await call;
    expect(current?.status).toBe('committed');
  });

  it.each([undefined, null, 7, 'text', {}])(
    'is refused and rolled back when its work returns %p instead of a promise',
    async (returned) => {
      const call = transactions.manager.run(
        () => {
          void items.save(item('a')).catch(() => undefined);
          return returned as unknown as Promise<void>;
        },
        { noRollbackFor: () => true },
      );

      await expect(call).rejects.toBeInstanceOf(TransactionalReturnTypeError);
      expect(await items.findOne('a')).toBeNull();
    },
  );

  it('accepts whatever can be waited for', async () => {
    // oxlint-disable-next-line unicorn/no-thenable -- that is what it is about
    const thenable = { then: (done: (value: number) => void) => done(7) };
    await expect(
      transactions.manager.run(() => thenable as unknown as Promise<number>),
    ).resolves.toBe(7);
  });

  it('runs again after a conflict, as a transaction of its own under the same call', async () => {
    await items.save(item('a'));
    const seen: Transaction[] = [];

    await transactions.manager.run(async () => {
      seen.push(transactions.manager.current()!);
      const found = await items.findOneOrFail('a');
      if (seen.length < 3) await meanwhile(`other ${seen.length}`);
      await items.save({ ...found, text: `${found.text}, mine` });
    });

    expect(await items.findOneOrFail('a')).toMatchObject({ text: 'other 2, mine' });
    expect(seen.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
    expect(new Set(seen.map(({ id }) => id)).size).toBe(3);
    expect(new Set(seen.map(({ callId }) => callId))).toEqual(new Set([seen[0]!.id]));
    expect(seen.map(({ status }) => status)).toEqual(['rolled_back', 'rolled_back', 'committed']);
  });

  it('runs again when an absence has ended that it had seen', async () => {
    let runs = 0;
    await transactions.manager.run(async () => {
      const absent = (await items.findOne('a')) === null;
      if (++runs === 1) await meanwhile('other');
      await items.save(item('b', absent ? 'alone' : 'second'));
    });

    expect(await items.findOneOrFail('b')).toMatchObject({ text: 'second' });
  });

  it('fails when its attempts are used up, naming item, versions and winner', async () => {
    const first = await items.save(item('a'));
    let runs = 0;
    let winner: Transaction | undefined;

    const call = transactions.manager.run(
      async () => {
        const found = await items.findOneOrFail('a');
        runs++;
        await transactions.manager.run(
          async () => {
            winner = transactions.manager.current();
            await items.save(item('a', 'other'));
          },
          { propagation: 'REQUIRES_NEW' },
        );
        await items.save(found);
      },
      { retry: { attempts: 3 } },
    );

    const error = await call.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(TransactionConflictError);
    expect(error).toMatchObject({
      item: 'item:a',
      versionSeen: expect.stringMatching(/^3\./),
      versionFound: `4.${winner?.id}`,
      winner: winner?.id,
      transaction: { attempt: 3 },
    });
    expect(runs).toBe(3);
    expect(items.versionOf(first)).toMatch(/^1\./);
  });

  it('does not run again after an error of its own', async () => {
    let runs = 0;
    const call = transactions.manager.run(async () => {
      runs++;
      await items.findOneOrFail('none');
    });

    await expect(call).rejects.toBeInstanceOf(EntityNotFoundError);
    expect(runs).toBe(1);
  });

  it('runs again instead of reporting an error that came from stale reads', async () => {
    await items.insert(item('a', 'one'));
    await items.insert(item('b', 'one'));
    let runs = 0;

    const value = await transactions.manager.run(async () => {
      runs++;
      const a = await items.findOneOrFail('a');
      if (runs === 1) {
        await transactions.manager.run(
          async () => {
            await items.save(item('a', 'two'));
            await items.save(item('b', 'two'));
          },
          { propagation: 'REQUIRES_NEW' },
        );
      }
      const b = await items.findOneOrFail('b');
      if (a.text !== b.text) throw new UserError('These two never existed together.');
      return a.text;
    });

    expect([runs, value]).toEqual([2, 'two']);
  });

  it('reports the conflict, with the misleading error as its cause, when it always was misled', async () => {
    await items.insert(item('a', '0'));
    let runs = 0;

    const call = transactions.manager.run(
      async () => {
        await items.findOneOrFail('a');
        await meanwhile(String(++runs));
        await items.findOne('b');
        throw new UserError('misled');
      },
      { retry: { attempts: 2 } },
    );

    await expect(call).rejects.toMatchObject({
      name: 'TransactionConflictError',
      cause: expect.any(UserError),
    });
    expect(runs).toBe(2);
  });

  it('reports an error at once whose reads still stand', async () => {
    await items.insert(item('a'));
    const call = transactions.manager.run(async () => {
      await items.findOneOrFail('a');
      await items.findOne('b');
      throw new UserError('true');
    });

    await expect(call).rejects.toThrow('true');
  });

  it('waits before it commits for operations that nobody waited for', async () => {
    await items.save(item('a'));
    const waiting = gate();
    transactions.store.beforeRead = () => waiting.opened;

    const call = transactions.manager.run(() => {
      void items.update('a', { text: 'floating' });
      return Promise.resolve();
    });
    const answer = watch(call);
    await new Promise((resolve) => setImmediate(resolve));
    expect(answer).toEqual({});
    waiting.open();
    await call;

    expect(await items.findOneOrFail('a')).toMatchObject({ text: 'floating' });
  });

  it('fails with the error of an operation that nobody waited for', async () => {
    const call = transactions.manager.run(async () => {
      await items.save(item('b'));
      void items.findOneOrFail('none');
    });

    await expect(call).rejects.toBeInstanceOf(EntityNotFoundError);
    expect(await items.findOne('b')).toBeNull();
  });

  it('takes many operations at once', async () => {
    await transactions.manager.run(async () => {
      await Promise.all(Array.from({ length: 50 }, (_, n) => items.save(item(`n${n}`, String(n)))));
      const ids = Array.from({ length: 50 }, (_, n) => `n${n}`);
      const found = await Promise.all(ids.map((id) => items.findOneOrFail(id)));
      expect(found.map(({ text }) => text)).toEqual(ids.map((id) => id.slice(1)));
    });

    expect(await items.findOneOrFail('n49')).toMatchObject({ text: '49' });
  });

  it('refuses operations that come after its end, and says why', async () => {
    const ended = gate();
    const late = { call: Promise.resolve() as Promise<unknown> };
    await transactions.manager.run(async () => {
      await items.save(item('a'));
      late.call = ended.opened.then(() => items.save(item('a', 'late')));
      late.call.catch(() => undefined);
    });
    ended.open();

    await expect(late.call).rejects.toBeInstanceOf(TransactionClosedError);
    expect(await items.findOneOrFail('a')).toMatchObject({ text: 'first' });
  });

  it('commits in spite of an error that shall not roll back, and passes it on', async () => {
    const error = new UserError('but');
    const call = transactions.manager.run(
      async () => {
        await items.save(item('a'));
        throw error;
      },
      { noRollbackFor: [UserError] },
    );

    await expect(call).rejects.toBe(error);
    expect(await items.findOneOrFail('a')).toMatchObject({ text: 'first' });
  });

  it('runs again after a conflict though its own error shall not roll back', async () => {
    await items.save(item('a'));
    let runs = 0;
    const call = transactions.manager.run(
      async () => {
        const found = await items.findOneOrFail('a');
        if (++runs === 1) await meanwhile('other');
        await items.save({ ...found, text: `${found.text} again` });
        throw new UserError('but');
      },
      { noRollbackFor: [UserError] },
    );

    await expect(call).rejects.toThrow('but');
    expect(await items.findOneOrFail('a')).toMatchObject({ text: 'other again' });
  });

  it('rolls back when the store fails, whatever noRollbackFor says', async () => {
    transactions.store.beforeRead = () => {
      throw new StoreUnavailableError('gone');
    };
    const call = transactions.manager.run(
      async () => {
        await items.save(item('a'));
        await items.findOne('b');
      },
      { noRollbackFor: () => true },
    );

    await expect(call).rejects.toMatchObject({ name: 'StoreUnavailableError', message: 'gone' });
    expect(transactions.store.calls.commit).toBe(0);
  });
});

describe('the time of a call', () => {
  let clock: ManualClock;
  let transactions: ScriptedTransactions;
  let items: TxRepository<Item>;

  beforeEach(() => {
    clock = new ManualClock();
    transactions = createScriptedTransactions({ clock });
    items = transactions.repository(Item);
  });

  it('is over at its deadline and not before; what waits for it is told so', async () => {
    let signal: AbortSignal | undefined;
    const answer = watch(
      transactions.manager.run(
        () => {
          signal = transactions.manager.current()!.signal;
          return new Promise(() => undefined);
        },
        { timeoutMs: 100 },
      ),
    );

    await clock.advance(99);
    expect(answer).toEqual({});
    expect(signal?.aborted).toBe(false);
    await clock.advance(1);
    expect(answer.error).toBeInstanceOf(TransactionTimeoutError);
    expect(answer.error).toMatchObject({ timeoutMs: 100 });
    expect(signal?.aborted).toBe(true);
    expect(signal?.reason).toBe(answer.error);
  });

  it('when over, refuses late operations and writes nothing', async () => {
    const waiting = gate();
    const late = { call: Promise.resolve() as Promise<unknown> };
    const call = transactions.manager.run(
      async () => {
        await items.save(item('a'));
        await waiting.opened;
        late.call = items.save(item('b'));
        await late.call;
      },
      { timeoutMs: 100 },
    );
    const answer = watch(call);
    await clock.advance(100);
    expect(answer.error).toBeInstanceOf(TransactionTimeoutError);
    waiting.open();
    await clock.advance(0);

    await expect(late.call).rejects.toBeInstanceOf(TransactionClosedError);
    await expect(late.call).rejects.toMatchObject({ cause: answer.error });
    expect(transactions.store.calls.commit).toBe(0);
  });

  it('is one for all attempts, and tells the last conflict when it is over', async () => {
    await items.save(item('a'));
    let runs = 0;
    const answer = watch(
      transactions.manager.run(
        async () => {
          const found = await items.findOneOrFail('a');
          if (++runs > 1) return new Promise<never>(() => undefined);
          await transactions.manager.run(() => items.save(item('a', 'other')), {
            propagation: 'REQUIRES_NEW',
          });
          return items.save(found);
        },
        { timeoutMs: 100 },
      ),
    );

    await clock.advance(60);
    expect([runs, answer]).toEqual([2, {}]);
    await clock.advance(40);
    expect(answer.error).toMatchObject({
      name: 'TransactionTimeoutError',
      cause: expect.any(TransactionConflictError),
    });
  });

  it('is not spent on a back-off that it would not outlast', async () => {
    transactions = createScriptedTransactions({ clock, random: () => 0.999 });
    items = transactions.repository(Item);
    await items.save(item('a'));
    const retry = { backoffMs: 200, maxBackoffMs: 200, lockAfter: 10 };
    const answer = watch(
      transactions.manager.run(
        async () => {
          const found = await items.findOneOrFail('a');
          await transactions.manager.run(() => items.save(item('a', 'other')), {
            propagation: 'REQUIRES_NEW',
          });
          return items.save(found);
        },
        { timeoutMs: 150, retry },
      ),
    );

    await clock.advance(0);

    expect(answer.error).toBeInstanceOf(TransactionConflictError);
  });

  it('of an ended call leaves nothing behind on the clock', async () => {
    await transactions.manager.run(() => items.save(item('a')));
    await transactions.manager.run(() => Promise.reject(new UserError())).catch(() => undefined);

    expect(clock.pending).toBe(0);
  });

  it('is told to operations under way, which fail and disturb nobody', async () => {
    transactions.store.beforeRead = () => new Promise(() => undefined);
    const answer = watch(
      transactions.manager.run(
        async () => {
          void items.findOne('a');
          await items.findOne('b');
        },
        { timeoutMs: 50 },
      ),
    );
    await clock.advance(50);

    expect(answer.error).toBeInstanceOf(TransactionTimeoutError);
  });
});
