import type { TxRepository } from '../repository/index.js';
import { TxEntity } from '../repository/index.js';
import { StoreUnavailableError, TransactionOutcomeUnknownError } from '../errors/index.js';
import { CommitReplyLostError } from '../store/versioned-store.js';
import { ManualClock } from '../testing/index.js';
import {
  createScriptedTransactions,
  gate,
  watch,
  type ScriptedTransactions,
} from '../../test/support/scripted-store.js';

@TxEntity({ name: 'item', counters: ['stock'] })
class Item {
  id!: string;
  stock!: number;
}

/** Delivered late: when the sender has given it up. */
async function afterwards<T>(deliver: () => Promise<T>): Promise<T> {
  await new Promise((resolve) => setImmediate(resolve));
  return deliver();
}

const lost = (): Promise<never> => Promise.reject(new CommitReplyLostError('connection cut'));
const gone = (): Promise<never> => Promise.reject(new StoreUnavailableError('gone'));

describe('a commit whose reply is lost', () => {
  let clock: ManualClock;
  let transactions: ScriptedTransactions;
  let items: TxRepository<Item>;
  let runs: number;
  let hooks: string[];

  beforeEach(async () => {
    clock = new ManualClock();
    transactions = createScriptedTransactions({ clock });
    items = transactions.repository(Item);
    await items.save({ id: 'a', stock: 10 });
    runs = 0;
    hooks = [];
  });

  const sellOne = (): Promise<void> =>
    transactions.manager.run(
      async () => {
        runs++;
        const { onCommit, onRollback } = hooksOf();
        onCommit();
        onRollback();
        await items.increment('a', 'stock', -1);
      },
      { timeoutMs: 1000 },
    );

  const hooksOf = () => {
    const transaction = transactions.manager.current()!;
    return {
      onCommit: () => transaction.onCommit(() => hooks.push('committed')),
      onRollback: () => transaction.onRollback(() => hooks.push('rolled back')),
    };
  };

  const stock = async (): Promise<number> => {
    transactions.store.aroundCommit = (_, next) => next();
    return (await items.findOneOrFail('a')).stock;
  };

  it('is told as committed when it had happened, once', async () => {
    transactions.store.aroundCommit = async (_, next) => {
      await next();
      return lost();
    };

    await sellOne();

    expect([runs, await stock()]).toEqual([1, 9]);
    expect(hooks).toEqual(['committed']);
    expect(transactions.store.calls.fence).toBe(1);
  });

  it('is fenced off when it had not happened, and the call runs again', async () => {
    let late: Promise<unknown> | undefined;
    transactions.store.aroundCommit = (_, next) => {
      if (late !== undefined) return next();
      late = afterwards(next);
      return lost();
    };

    const call = sellOne();
    await clock.advance(0);
    await call;

    expect(await late).toEqual({ status: 'rolled_back' });
    expect([runs, await stock()]).toEqual([2, 9]);
    expect(hooks).toEqual(['committed']);
  });

  it('is told as not happened when every attempt is lost before it arrives', async () => {
    transactions.store.aroundCommit = lost;
    const answer = watch(
      transactions.manager.run(() => items.increment('a', 'stock', -1), { retry: { attempts: 2 } }),
    );
    await clock.advance(0);

    expect(answer.error).toBeInstanceOf(StoreUnavailableError);
    expect(await stock()).toBe(10);
  });

  it('is unknown when the store cannot be asked, and the address tells it later', async () => {
    transactions.store.aroundCommit = async (_, next) => {
      await next();
      return lost();
    };
    transactions.store.aroundFence = gone;

    const error = await sellOne().then(
      () => undefined,
      (thrown: unknown) => thrown,
    );

    expect(error).toBeInstanceOf(TransactionOutcomeUnknownError);
    expect(error).toMatchObject({ category: 'outcome-unknown', cause: { message: 'gone' } });
    const { address } = error as TransactionOutcomeUnknownError;
    expect(await transactions.manager.outcomeOf(address)).toBe('committed');
    expect([runs, await stock()]).toEqual([1, 9]);
  });

  it('is unknown when its record was forgotten', async () => {
    transactions.store.aroundCommit = lost;
    transactions.store.aroundFence = () => Promise.resolve('forgotten');

    await expect(sellOne()).rejects.toBeInstanceOf(TransactionOutcomeUnknownError);
    expect(runs).toBe(1);
  });

  it('is unknown when nobody has answered by the deadline, and the caller does not wait longer', async () => {
    const waiting = gate();
    transactions.store.aroundCommit = async (commit, next) => {
      commit.sent = true;
      await waiting.opened;
      return next();
    };
    const answer = watch(sellOne());

    await clock.advance(999);
    expect(answer).toEqual({});
    await clock.advance(1);
    expect(answer.error).toBeInstanceOf(TransactionOutcomeUnknownError);

    waiting.open();
    await clock.advance(0);
    expect(runs).toBe(1);
  });

  it('is a plain time-out when it was never sent', async () => {
    transactions.store.aroundCommit = () => new Promise(() => undefined);
    const answer = watch(sellOne());

    await clock.advance(1000);

    expect(answer.error).toMatchObject({ name: 'TransactionTimeoutError' });
    expect(await stock()).toBe(10);
  });

  it('is unknown to a transaction begun by hand as well', async () => {
    const transaction = transactions.manager.begin({ timeoutMs: 1000 });
    transaction.onRollback(() => hooks.push('rolled back'));
    transaction.onCommit(() => hooks.push('committed'));
    await transaction.run(() => items.increment('a', 'stock', -1));
    transactions.store.aroundCommit = (commit) => {
      commit.sent = true;
      return new Promise(() => undefined);
    };
    const answer = watch(transaction.commit());

    await clock.advance(1000);

    expect(answer.error).toBeInstanceOf(TransactionOutcomeUnknownError);
    expect(transaction.status).toBe('in_doubt');
    expect(hooks).not.toContain('committed');
  });
});

describe('a deadline that the node refuses', () => {
  it('is measured again, and the call runs again', async () => {
    const clock = new ManualClock();
    const transactions = createScriptedTransactions({ clock });
    const items = transactions.repository(Item);
    let refusals = 0;
    transactions.store.aroundCommit = (_, next) =>
      refusals++ < 2 ? Promise.resolve({ status: 'deadline', nodeTimeMs: clock.time() }) : next();

    const call = items.save({ id: 'a', stock: 1 });
    await clock.advance(0);
    await clock.advance(0);
    await call;

    expect(await items.findOneOrFail('a')).toMatchObject({ stock: 1 });
  });

  it('is a time-out when it is refused until the attempts are used up', async () => {
    const transactions = createScriptedTransactions({ defaults: { retry: { attempts: 3 } } });
    const items = transactions.repository(Item);
    transactions.store.aroundCommit = () => Promise.resolve({ status: 'deadline', nodeTimeMs: 0 });

    await expect(items.save({ id: 'a', stock: 1 })).rejects.toMatchObject({
      name: 'TransactionTimeoutError',
    });
    expect(transactions.store.calls.commit).toBe(3);
  });
});
