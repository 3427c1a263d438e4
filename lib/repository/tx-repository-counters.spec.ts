import { Logger } from '@nestjs/common';
import {
  CounterBoundError,
  EntityInvalidError,
  EntityNotFoundError,
  ForeignDataError,
} from '../errors/index.js';
import { createTestTransactions, ManualClock } from '../testing/index.js';
import { TxEntity } from './index.js';

@TxEntity({ name: 'stock', counters: ['left', 'sold'] })
class Stock {
  id!: string;
  left!: number;
  sold!: number;
  title?: string;
}

@TxEntity({ name: 'session', ttlMs: 1000, counters: ['hits'] })
class Session {
  id!: string;
  hits!: number;
}

@TxEntity({ name: 'stock-of', id: 'sku', hashTag: (sku) => sku.split('-')[0]! })
class Tagged {
  sku!: string;
}

Logger.overrideLogger(false);
const clock = new ManualClock();
const transactions = createTestTransactions({ clock });
const { manager, store } = transactions;
const stocks = transactions.repository(Stock);
const sessions = transactions.repository(Session);

const stock = (left: number, sold = 0) => ({ id: 'a', left, sold });
const run = <T>(work: () => Promise<T>): Promise<T> => manager.run(work);
const apart = <T>(work: () => Promise<T>): Promise<T> =>
  manager.run(work, { propagation: 'REQUIRES_NEW' });
const counters = async () => {
  const { left, sold } = await stocks.findOneOrFail('a');
  return [left, sold];
};

beforeEach(() => transactions.reset());

describe('an increment', () => {
  it('adds to a counter of an entity that was not read, beside others', async () => {
    await stocks.insert({ ...stock(10), title: 'kept' });
    let runs = 0;
    await run(async () => {
      runs++;
      await stocks.increment('a', 'left', -1);
      await apart(() => stocks.increment('a', 'left', -2));
      await stocks.increment('a', 'sold', 1);
    });

    expect([runs, await counters()]).toEqual([1, [7, 1]]);
    expect(await stocks.findOneOrFail('a')).toMatchObject({ title: 'kept' });
  });

  it('is seen by a later read of its transaction, which is validated like any read', async () => {
    await stocks.insert(stock(10));
    const seen: number[] = [];
    const call = run(async () => {
      await stocks.increment('a', 'left', -1);
      seen.push((await stocks.findOneOrFail('a')).left);
      await stocks.increment('a', 'left', -1);
      seen.push((await stocks.findOneOrFail('a')).left, (await stocks.peek('a'))!.left);
      if (seen.length === 3) await apart(() => stocks.increment('a', 'left', -5));
    });
    await clock.advance(1000);
    await call;

    expect(seen).toEqual([9, 8, 8, 4, 3, 3]);
    expect(await counters()).toEqual([3, 0]);
  });

  it('is seen by a peek, which is not validated', async () => {
    await stocks.insert(stock(10));
    await run(async () => {
      await stocks.increment('a', 'left', -1);
      expect((await stocks.peek('a'))?.left).toBe(9);
      await apart(() => stocks.increment('a', 'left', -5));
      expect((await stocks.peek('a'))?.left).toBe(4);
    });

    expect(await counters()).toEqual([4, 0]);
  });

  it('may reach its bound and not break it, and names everything when it would', async () => {
    await stocks.insert(stock(2));
    await stocks.increment('a', 'left', -2, { min: 0 });
    let runs = 0;

    const call = run(async () => {
      runs++;
      await stocks.increment('a', 'sold', 1);
      await stocks.increment('a', 'left', -1, { min: 0 });
    });

    await expect(call).rejects.toBeInstanceOf(CounterBoundError);
    await expect(call).rejects.toMatchObject({
      entity: 'stock',
      id: 'a',
      field: 'left',
      value: 0,
      by: -1,
      min: 0,
      max: undefined,
    });
    expect([runs, await counters()]).toEqual([1, [0, 0]]);
  });

  it('fails at once where the transaction knows the entity', async () => {
    await stocks.insert(stock(2));
    await run(async () => {
      await stocks.findOne('a');
      await expect(stocks.increment('a', 'left', -3, { min: 0 })).rejects.toMatchObject({
        value: 2,
      });
      await expect(stocks.increment('a', 'left', 1, { max: 2 })).rejects.toMatchObject({
        value: 2,
      });
      await expect(
        stocks.findOne('b').then(() => stocks.increment('b', 'left', 1)),
      ).rejects.toBeInstanceOf(EntityNotFoundError);
      await stocks.increment('a', 'left', -2, { min: 0 });
    });

    expect(await counters()).toEqual([0, 0]);
  });

  it('of an absent entity fails the call, and writes nothing else', async () => {
    const call = run(async () => {
      await stocks.insert(stock(1));
      await stocks.increment('none', 'left', 1);
    });

    await expect(call).rejects.toMatchObject({ name: 'EntityNotFoundError', ids: ['none'] });
    expect(await stocks.findOne('a')).toBeNull();
  });

  it.each([
    ['a read', () => stocks.findOne('none')],
    ['a deletion', () => stocks.delete('none')],
    ['a save', () => stocks.save({ ...stock(1), id: 'none' })],
    ['an update', () => stocks.update('none', { title: 'x' })],
  ])('of an absent entity fails the call, though %s comes after it', async (_, then) => {
    const call = run(async () => {
      await stocks.increment('none', 'left', 1);
      await then();
    });

    await expect(call).rejects.toBeInstanceOf(EntityNotFoundError);
    expect(await stocks.findOne('none')).toBeNull();
  });

  it.each([
    ['a read', () => stocks.findOne('a')],
    ['a deletion', () => stocks.delete('a')],
    ['a save', () => stocks.save(stock(100))],
    ['an update', () => stocks.update('a', { left: 100 })],
  ])('that breaks its bound fails the call, though %s comes after it', async (_, then) => {
    await stocks.insert(stock(2));
    const call = run(async () => {
      await stocks.increment('a', 'left', -3, { min: 0 });
      await then();
    });

    await expect(call).rejects.toBeInstanceOf(CounterBoundError);
    expect(await counters()).toEqual([2, 0]);
  });

  it('adds to what its transaction has written itself', async () => {
    await run(async () => {
      await stocks.insert(stock(5));
      await stocks.increment('a', 'left', -1);
      await stocks.save(stock(50));
      await stocks.increment('a', 'left', -1);
      await stocks.increment('a', 'sold', 2);
    });

    expect(await counters()).toEqual([49, 2]);
  });

  it('comes before a save of its transaction, which wins', async () => {
    await stocks.insert(stock(5));
    await run(async () => {
      await stocks.increment('a', 'left', -1);
      await stocks.save(stock(50));
    });

    expect(await counters()).toEqual([50, 0]);
  });

  it.each([
    ['title', 1, {}],
    ['id', 1, {}],
    ['left', 1.5, {}],
    ['left', Number.NaN, {}],
    ['left', 2 ** 53, {}],
    ['left', '1', {}],
    ['left', undefined, {}],
    ['left', 1, { min: 0.5 }],
    ['left', 1, { max: Number.POSITIVE_INFINITY }],
    ['left', 1, { min: null }],
  ])('of %s by %p within %j is refused before anything is sent', async (field, by, bounds) => {
    await stocks.insert(stock(1));
    const call = stocks.increment('a', field as 'left', by as number, bounds as { min: number });

    await expect(call).rejects.toBeInstanceOf(EntityInvalidError);
    expect(await counters()).toEqual([1, 0]);
  });

  it('never leaves the safe integers', async () => {
    await stocks.insert(stock(Number.MAX_SAFE_INTEGER));

    await expect(stocks.increment('a', 'left', 1)).rejects.toBeInstanceOf(CounterBoundError);
  });

  it('of foreign data is refused', async () => {
    store.setForeign('stock:a', '{"left":1}');

    await expect(stocks.increment('a', 'left', 1)).rejects.toBeInstanceOf(ForeignDataError);
  });

  it('of an entity stored before the counter was declared says what to do', async () => {
    store.setForeign('stock:a', '1.w|5|{"id":"a"}');

    await expect(stocks.increment('a', 'sold', 1)).rejects.toThrow(/Read and save it once/);
    await stocks.save(await stocks.findOneOrFail('a'));
    await stocks.increment('a', 'sold', 1);
    expect(await counters()).toEqual([5, 1]);
  });
});

describe('an entity with a time to live', () => {
  it('expires, and every write lets it live anew', async () => {
    await sessions.save({ id: 's', hits: 0 });
    await clock.advance(900);
    await sessions.increment('s', 'hits', 1);
    await clock.advance(900);
    expect((await sessions.findOneOrFail('s')).hits).toBe(1);
    await clock.advance(101);

    expect(await sessions.findOne('s')).toBeNull();
  });

  it('that expired after it was read is a conflict like any other change', async () => {
    await sessions.save({ id: 's', hits: 7 });
    const seen: (number | undefined)[] = [];
    const call = run(async () => {
      seen.push((await sessions.findOne('s'))?.hits);
      if (seen.length === 1) await clock.advance(1000);
      await stocks.save(stock(1));
    });
    await clock.advance(1000);
    await clock.advance(1000);
    await call;

    expect(seen).toEqual([7, undefined]);
  });
});

describe('an entity with a hash tag', () => {
  it('lies under a key that holds the tag, and is found by its id alone', async () => {
    const tagged = transactions.repository(Tagged);
    await tagged.save({ sku: 'shoe-42' });

    expect(store.peekRaw('stock-of:{shoe}:shoe-42')).toBeDefined();
    expect(await tagged.findOneOrFail('shoe-42')).toEqual({ sku: 'shoe-42' });
    await expect(tagged.findOne('-')).rejects.toMatchObject({ name: 'EntityDefinitionError' });
  });
});

describe('bounds that would not hold', () => {
  it.each([
    ['a misspelt name', { mim: 0 }, /mim is no bound/],
    ['a number', 0, /the bounds are 0/],
    ['null', null, /the bounds are null/],
    ['an undefined bound', { min: undefined }, /min is undefined/],
    ['a text', { max: '5' }, /max is a string/],
    ['crossed bounds', { min: 5, max: 1 }, /min 5 is above max 1/],
  ])('are refused: %s', async (_, bounds, message) => {
    await stocks.insert(stock(10));
    const call = stocks.increment('a', 'left', -100, bounds as never);
    await expect(call).rejects.toBeInstanceOf(EntityInvalidError);
    await expect(call).rejects.toThrow(message);
    expect(await counters()).toEqual([10, 0]);
  });
});

describe('options of save() that would not hold', () => {
  it.each([
    ['a misspelt name', { expectedversion: '1.x' }],
    ['null', null],
    ['a text', '1.x'],
  ])('are refused: %s', async (_, options) => {
    await expect(stocks.save(stock(1), options as never)).rejects.toThrow(/save\(\)/);
    expect(store.peekRaw('stock:a')).toBeUndefined();
  });
});
