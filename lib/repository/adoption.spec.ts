import { Logger } from '@nestjs/common';
import { errorOf } from '../../test/support/outcome.js';
import { EntityIdError, EntityInvalidError, StoredDataError } from '../errors/index.js';
import { createTestTransactions, ManualClock } from '../testing/index.js';
import { TxEntity } from './index.js';

@TxEntity({ name: 'stock', counters: ['left', 'sold'] })
class Stock {
  id!: string;
  left!: number;
  sold!: number;
  title?: string;
}

Logger.overrideLogger(false);
const clock = new ManualClock();
const transactions = createTestTransactions({ clock });
const { store } = transactions;
const stocks = transactions.repository(Stock);

const counters = async (): Promise<[number, number]> => {
  const { left, sold } = await stocks.findOneOrFail('a');
  return [left, sold];
};

beforeEach(() => transactions.reset());

describe('adoption', () => {
  it('makes entities of plain values that were there before', async () => {
    store.setForeign('stock:a', '{"left":5,"sold":1,"title":"old"}');
    await stocks.insert({ id: 'b', left: 1, sold: 0 });

    expect(await stocks.adopt(['a', 'b', 'none'])).toEqual({ adopted: 1, skipped: 2 });

    expect({ ...(await stocks.findOneOrFail('a')) }).toEqual({
      id: 'a',
      left: 5,
      sold: 1,
      title: 'old',
    });
    expect(store.peekRaw('stock:a')).toMatch(/^1\.[\w-]+\|5,1\|\{/);
    expect(await stocks.adopt(['a'])).toEqual({ adopted: 0, skipped: 1 });
  });

  it('takes ids from anywhere, and reads texts of any form', async () => {
    store.setForeign('stock:a', '5;1');
    const ids = async function* () {
      yield 'a';
    };

    await stocks.adopt(ids(), (text, id) => {
      const [left, sold] = text.split(';').map(Number) as [number, number];
      return { id, left, sold };
    });

    expect(await counters()).toEqual([5, 1]);
  });

  it('leaves a value alone that cannot be an entity, and names it', async () => {
    for (const value of ['no JSON', '[1]']) {
      store.setForeign('stock:a', value);
      await expect(stocks.adopt(['a'])).rejects.toBeInstanceOf(StoredDataError);
      await expect(stocks.adopt(['a'])).rejects.toThrow(/stock a/);
      expect(store.peekRaw('stock:a')).toBe(value);
    }
    store.setForeign('stock:a', '{"left":"five","sold":0}');
    await expect(stocks.adopt(['a'])).rejects.toBeInstanceOf(EntityInvalidError);
  });

  it.each([[5], [[1, 2]], [null], [undefined], [{ id: 'b', left: 1, sold: 0 }]])(
    'leaves a value alone of which parse() makes %j',
    async (made) => {
      store.setForeign('stock:a', 'precious');
      const adopting = stocks.adopt(['a'], () => made as unknown as Stock);
      await expect(adopting).rejects.toBeInstanceOf(EntityInvalidError);
      expect(store.peekRaw('stock:a')).toBe('precious');
    },
  );

  it('that fails tells the id, and how many were adopted before', async () => {
    const cause = new Error('precious');
    const parse = (text: string, id: string): Stock => {
      if (text === 'precious') throw cause;
      return { id, left: 1, sold: 0 };
    };
    for (const id of ['a', 'b']) store.setForeign(`stock:${id}`, '{"left":1,"sold":0}');
    store.setForeign('stock:c', 'precious');

    const failed = await errorOf(stocks.adopt(['a', 'none', 'b', 'c', 'd'], parse));
    expect(failed).toBeInstanceOf(EntityInvalidError);
    expect(failed.message).toMatch(
      /^adopt\(\) stopped at stock "c" \(adopted before: 2, skipped: 1\): /,
    );
    expect(failed.message).not.toContain('precious');
    expect(failed.cause).toBe(cause);
    expect(await stocks.exists('b')).toBe(true);

    const unreadable = await errorOf(stocks.adopt(['c']));
    expect(unreadable.stack).toMatch(/adopt\(\) stopped at stock "c" .*not JSON/);
  });

  it('says of what reads as an empty string that it may be no string', async () => {
    store.setForeign('stock:a', '');
    await expect(stocks.adopt(['a'])).rejects.toThrow(/a list or a hash/);
  });

  it('is refused for a text, which would be taken letter by letter', async () => {
    for (const source of ['a-1', undefined, null, 5, {}]) {
      const refused = await errorOf(stocks.adopt(source as string[]));
      expect(refused).toBeInstanceOf(EntityIdError);
      expect(refused.message).toMatch(/several ids/);
    }
  });

  it('reads a value again that changes meanwhile', async () => {
    store.setForeign('stock:a', '{"left":1,"sold":0}');
    let times = 0;
    const call = stocks.adopt(['a'], (text, id) => {
      if (++times === 1) store.setForeign('stock:a', '{"left":2,"sold":0}');
      return { ...(JSON.parse(text) as { left: number; sold: number }), id };
    });
    await clock.advance(1000);

    await expect(call).resolves.toEqual({ adopted: 1, skipped: 0 });
    expect(await counters()).toEqual([2, 0]);
  });
});
