import type { TxRepository } from '../repository/index.js';
import { TxEntity } from '../repository/index.js';
import {
  createScriptedTransactions,
  gate,
  watch,
  type ScriptedTransactions,
} from '../../test/support/scripted-store.js';
import { TransactionClosedError, TransactionTimeoutError } from '../errors/index.js';
import { ManualClock } from '../testing/index.js';

@TxEntity({ name: 'item' })
class Item {
  id!: string;
  text!: string;
}

const item = (id: string, text = 'first'): Item => ({ id, text }) as Item;

describe('the hooks of a transaction', () => {
  let transactions: ScriptedTransactions;
  let items: TxRepository<Item>;
  let told: string[];

  beforeEach(() => {
    transactions = createScriptedTransactions();
    items = transactions.repository(Item);
    told = [];
  });

  const tell = (what: string) => (): void => void told.push(what);
  const current = () => transactions.manager.current()!;

  it('run in order: beforeCommit inside, onCommit once and outside of the transaction', async () => {
    await transactions.manager.run(async () => {
      const transaction = current();
      transaction.beforeCommit(() => told.push(`before ${current() === transaction}`));
      transaction.onCommit(() => told.push(`committed ${typeof current()}`));
      transaction.beforeCommit(tell('before 2'));
      transaction.onCommit(tell(`committed 2`));
      transaction.onRollback(tell('rolled back'));
      await items.save(item('a'));
      told.push('method');
    });

    expect(told).toEqual([
      'method',
      'before true',
      'before 2',
      'committed undefined',
      'committed 2',
    ]);
  });

  it('are awaited, one after the other, before the caller is answered', async () => {
    const slow = (what: string) => async (): Promise<void> => {
      await new Promise((resolve) => setImmediate(resolve));
      told.push(what);
    };
    await transactions.manager.run(async () => {
      current().beforeCommit(slow('before'));
      current().beforeCommit(slow('before 2'));
      current().onCommit(slow('committed'));
      await items.save(item('a'));
    });
    told.push('answered');

    expect(told).toEqual(['before', 'before 2', 'committed', 'answered']);
  });

  it('see in onCommit what was committed, and may begin transactions of their own', async () => {
    await transactions.manager.run(async () => {
      await items.save(item('a'));
      current().onCommit(async () => {
        const { text } = await items.findOneOrFail('a');
        await items.save(item('b', `${text} seen`));
      });
    });

    expect(await items.findOneOrFail('b')).toMatchObject({ text: 'first seen' });
  });

  it('run onRollback once, with the error, and only that', async () => {
    const error = new Error('no');
    const call = transactions.manager.run(async () => {
      current().beforeCommit(tell('before'));
      current().onCommit(tell('committed'));
      current().onRollback((reason) => told.push(`rolled back: ${reason === error}`));
      await items.save(item('a'));
      throw error;
    });

    await expect(call).rejects.toBe(error);
    expect(told).toEqual(['rolled back: true']);
  });

  it('of an attempt that is retried are discarded', async () => {
    await items.save(item('a'));
    let runs = 0;
    await transactions.manager.run(async () => {
      const run = ++runs;
      current().beforeCommit(tell(`before ${run}`));
      current().onCommit(tell(`committed ${run}`));
      current().onRollback(tell(`rolled back ${run}`));
      const found = await items.findOneOrFail('a');
      if (run === 1) {
        await transactions.manager.run(() => items.save(item('a', 'other')), {
          propagation: 'REQUIRES_NEW',
        });
      }
      await items.save(found);
    });

    expect(told).toEqual(['before 1', 'before 2', 'committed 2']);
  });

  it('run onRollback of the last attempt only, when the caller gets the conflict', async () => {
    await items.save(item('a'));
    let runs = 0;
    const call = transactions.manager.run(
      async () => {
        const run = ++runs;
        current().onRollback(tell(`rolled back ${run}`));
        const found = await items.findOneOrFail('a');
        await transactions.manager.run(() => items.save(item('a', 'other')), {
          propagation: 'REQUIRES_NEW',
        });
        await items.save(found);
      },
      { retry: { attempts: 3 } },
    );

    await expect(call).rejects.toThrow('Conflict');
    expect(told).toEqual(['rolled back 3']);
  });

  it('read and write in beforeCommit as part of the transaction', async () => {
    await items.save(item('a'));
    await transactions.manager.run(async () => {
      current().beforeCommit(async () => {
        const { text } = await items.findOneOrFail('a');
        await items.save(item('a', `${text}, checked`));
      });
      await items.save(item('a', 'second'));
    });

    expect(await items.findOneOrFail('a')).toMatchObject({ text: 'second, checked' });
  });

  it('veto in beforeCommit by throwing', async () => {
    const veto = new Error('veto');
    const call = transactions.manager.run(async () => {
      current().beforeCommit(() => {
        throw veto;
      });
      current().beforeCommit(tell('never'));
      current().onRollback((reason) => told.push(`rolled back: ${reason === veto}`));
      await items.save(item('a'));
    });

    await expect(call).rejects.toBe(veto);
    expect(told).toEqual(['rolled back: true']);
    expect(await items.findOne('a')).toBeNull();
  });

  it('may add hooks in beforeCommit, which then run', async () => {
    await transactions.manager.run(async () => {
      const transaction = current();
      transaction.beforeCommit(() => {
        transaction.beforeCommit(tell('added'));
        transaction.onCommit(tell('committed'));
      });
      await items.save(item('a'));
    });

    expect(told).toEqual(['added', 'committed']);
  });

  it('never turn a committed call into a failure: their errors are logged', async () => {
    const value = await transactions.manager.run(async () => {
      current().onCommit(() => {
        throw new Error('mail server down');
      });
      current().onCommit(tell('still runs'));
      await items.save(item('a'));
      return 'done';
    });

    expect(value).toBe('done');
    expect(told).toEqual(['still runs']);
    expect(transactions.loggedErrors).toEqual([
      expect.stringMatching(/onCommit.*mail server down/s),
    ]);
  });

  it('never hide the error of the caller: those of onRollback are logged', async () => {
    const call = transactions.manager.run(() => {
      current().onRollback(() => Promise.reject(new Error('second error')));
      current().onRollback(tell('still runs'));
      return Promise.reject(new Error('first error'));
    });

    await expect(call).rejects.toThrow('first error');
    expect(told).toEqual(['still runs']);
    expect(transactions.loggedErrors).toEqual([expect.stringMatching(/onRollback.*second error/s)]);
  });

  it('cannot be added to a transaction that has ended', async () => {
    const transaction = await transactions.manager.run(async () => {
      await items.save(item('a'));
      return current();
    });

    for (const add of ['beforeCommit', 'onCommit', 'onRollback'] as const) {
      expect(() => transaction[add](tell('never'))).toThrow(TransactionClosedError);
    }
  });

  it('run in a transaction that does nothing else', async () => {
    await transactions.manager.run(async () => {
      current().beforeCommit(tell('before'));
      current().onCommit(tell('committed'));
    });

    expect(told).toEqual(['before', 'committed']);
  });

  it('of a savepoint that is rolled back are dropped, those around it stay', async () => {
    await transactions.manager.run(async () => {
      current().onCommit(tell('outer'));
      const nested = transactions.manager.run(
        () => {
          current().beforeCommit(tell('dropped'));
          current().onCommit(tell('dropped'));
          return Promise.reject(new Error('inner'));
        },
        { propagation: 'NESTED' },
      );
      await nested.catch(() => undefined);
      await transactions.manager.run(async () => current().onCommit(tell('kept')), {
        propagation: 'NESTED',
      });
    });

    expect(told).toEqual(['outer', 'kept']);
  });

  describe('that never end', () => {
    const never = (): Promise<void> => new Promise(() => undefined);
    let clock: ManualClock;

    beforeEach(() => {
      clock = new ManualClock();
      transactions = createScriptedTransactions({ clock, hookTimeoutMs: 300 });
      items = transactions.repository(Item);
    });

    it('after the commit, hold their caller for `hookTimeoutMs`, and the next ones not at all', async () => {
      const call = watch(
        transactions.manager.run(
          async () => {
            current().onCommit(never);
            current().onCommit(tell('still runs'));
            await items.save(item('a'));
            return 'done';
          },
          { name: 'Orders.place' },
        ),
      );
      await clock.advance(299);
      expect([call.value, told]).toEqual([undefined, []]);
      await clock.advance(1);

      expect([call.value, told]).toEqual(['done', ['still runs']]);
      expect(transactions.loggedWarnings).toEqual([
        expect.stringMatching(/^Transaction Orders\.place \[.*onCommit.*300 ms \(hookTimeoutMs\)/),
      ]);
      expect(clock.pending).toBe(0);
    });

    it('after a roll back, leave the caller his error', async () => {
      const call = watch(
        transactions.manager.run(async () => {
          current().onRollback(never);
          throw new Error('no');
        }),
      );
      await clock.advance(300);

      expect(call.error).toEqual(new Error('no'));
      expect(transactions.loggedWarnings).toEqual([expect.stringContaining('onRollback')]);
    });

    it('let the manager be closed', async () => {
      void transactions.manager.run(async () => {
        current().onCommit(never);
        await items.save(item('a'));
      });
      await clock.advance(0);
      const closing = watch(transactions.manager.close().then(() => 'closed'));
      await clock.advance(300);

      expect(closing.value).toBe('closed');
    });

    it('in time are logged if they fail in the end', async () => {
      const failing = gate();
      const call = watch(
        transactions.manager.run(async () => {
          current().onCommit(() => failing.opened.then(() => Promise.reject(new Error('late'))));
        }),
      );
      await clock.advance(300);
      expect(call).toHaveProperty('value');
      failing.open();
      await clock.advance(0);

      expect(transactions.loggedErrors).toEqual([expect.stringMatching(/onCommit.*late/s)]);
    });

    it('do not hold whoever commits by hand', async () => {
      const transaction = transactions.manager.begin({ timeoutMs: 100 });
      transaction.onCommit(never);
      const committed = watch(transaction.commit().then(() => 'committed'));
      await clock.advance(300);
      expect(committed.value).toBe('committed');

      const vetoed = transactions.manager.begin({ timeoutMs: 100 });
      vetoed.beforeCommit(never);
      const refused = watch(vetoed.commit());
      await clock.advance(100);
      expect(refused.error).toBeInstanceOf(TransactionTimeoutError);
      expect(vetoed.status).toBe('rolled_back');
    });
  });
});
