import { Logger } from '@nestjs/common';
import {
  CounterBoundError,
  EntityAlreadyExistsError,
  EntityInvalidError,
  EntityNotFoundError,
  ForeignDataError,
  TransactionOptionsError,
  VersionMismatchError,
} from '../errors/index.js';
import { createTestTransactions } from '../testing/index.js';
import { TxEntity } from './index.js';

@TxEntity({ name: 'account' })
class Account {
  id!: string;
  owner!: string;
  tags?: string[];
  note?: string | null;
  constructor() {
    throw new Error('The constructor must not run.');
  }
  greet(): string {
    return `I am ${this.owner}.`;
  }
}

Logger.overrideLogger(false);
const transactions = createTestTransactions();
const { manager, store } = transactions;
const accounts = transactions.repository(Account);

const account = (id: string, owner = 'Ann'): Omit<Account, 'greet'> => ({ id, owner });
const run = <T>(work: () => Promise<T>): Promise<T> => manager.run(work);
const apart = <T>(work: () => Promise<T>): Promise<T> =>
  manager.run(work, { propagation: 'REQUIRES_NEW' });

beforeEach(() => transactions.reset());

/** Each sentence holds inside a transaction and for calls that are one each. */
const bothWays: readonly [string, <T>(work: () => Promise<T>) => Promise<T>][] = [
  ['in a transaction', run],
  ['by itself', (work) => work()],
];

describe.each(bothWays)('a repository, %s,', (_, within) => {
  it('finds an entity by its id, or null', async () => {
    await accounts.save(account('a'));

    await within(async () => {
      expect(await accounts.findOne('a')).toEqual(expect.objectContaining({ owner: 'Ann' }));
      expect(await accounts.findOne('b')).toBeNull();
      expect([await accounts.exists('a'), await accounts.exists('b')]).toEqual([true, false]);
    });
  });

  it('finds many in the order of the ids, duplicates kept', async () => {
    await accounts.save(account('a', 'Ann'));
    await accounts.save(account('b', 'Ben'));

    await within(async () => {
      const found = await accounts.findMany(['b', 'none', 'a', 'b']);
      expect(found.map((entity) => entity?.owner)).toEqual(['Ben', undefined, 'Ann', 'Ben']);
      expect(found[0]).not.toBe(found[3]);
      expect(await accounts.findMany([])).toEqual([]);
    });
  });

  it('names all missing ids at once', async () => {
    await accounts.save(account('a'));

    await within(async () => {
      const many = accounts.findManyOrFail(['x', 'a', 'y', 'x']);
      await expect(many).rejects.toMatchObject({ entity: 'account', ids: ['x', 'y'] });
      await expect(many).rejects.toBeInstanceOf(EntityNotFoundError);
      await expect(accounts.findOneOrFail('z')).rejects.toMatchObject({ ids: ['z'] });
    });
  });

  it('gives fresh instances with their methods; nothing is saved without save', async () => {
    await accounts.save({ ...account('a'), tags: ['x'] });

    await within(async () => {
      const first = await accounts.findOneOrFail('a');
      first.owner = 'Eve';
      first.tags!.push('y');
      const second = await accounts.findOneOrFail('a');

      expect(second).toBeInstanceOf(Account);
      expect(second.greet()).toBe('I am Ann.');
      expect(second.tags).toEqual(['x']);
    });
    expect(await accounts.findOneOrFail('a')).toMatchObject({ owner: 'Ann', tags: ['x'] });
  });

  it('keeps what was saved apart from what was given and what is returned', async () => {
    await within(async () => {
      const given = { ...account('a'), tags: ['x'] };
      const saved = await accounts.save(given);
      given.tags.push('given');
      saved.tags!.push('saved');
    });

    expect(await accounts.findOneOrFail('a')).toMatchObject({ tags: ['x'] });
  });

  it('inserts what is not there yet, and gives the saved entity', async () => {
    const saved = await within(() => accounts.insert(account('a')));

    expect(saved).toBeInstanceOf(Account);
    expect(await accounts.findOneOrFail('a')).toEqual(saved);
  });

  it('does not insert over what is there', async () => {
    await accounts.save(account('a'));

    const insert = within(() => accounts.insert(account('a', 'Eve')));

    await expect(insert).rejects.toBeInstanceOf(EntityAlreadyExistsError);
    await expect(insert).rejects.toMatchObject({ entity: 'account', id: 'a' });
    expect(await accounts.findOneOrFail('a')).toMatchObject({ owner: 'Ann' });
  });

  it('replaces as a whole with save, methods of the class left out', async () => {
    await accounts.save({ ...account('a'), note: 'old' });
    const found = await accounts.findOneOrFail('a');
    await within(() => accounts.save({ ...found, owner: 'Ben', note: undefined }));

    expect({ ...(await accounts.findOneOrFail('a')) }).toEqual({ id: 'a', owner: 'Ben' });
  });

  it('updates some properties: undefined leaves one as it is, null does not', async () => {
    await accounts.save({ ...account('a'), note: 'old', tags: ['x'] });

    const updated = await within(() =>
      accounts.update('a', { owner: undefined, note: null, tags: ['y'] }),
    );

    expect({ ...updated }).toEqual({ id: 'a', owner: 'Ann', note: null, tags: ['y'] });
    expect(await accounts.findOneOrFail('a')).toEqual(updated);
  });

  it('does not update what is not there, nor the id', async () => {
    await accounts.save(account('a'));

    await expect(within(() => accounts.update('b', { owner: 'x' }))).rejects.toMatchObject({
      name: 'EntityNotFoundError',
      ids: ['b'],
    });
    await expect(within(() => accounts.update('a', { id: 'b' }))).rejects.toBeInstanceOf(
      EntityInvalidError,
    );
    await within(() => accounts.update('a', { id: 'a', owner: 'Ben' }));
  });

  it('deletes, and tells whether there was one', async () => {
    await accounts.save(account('a'));

    expect(await within(() => accounts.delete('a'))).toBe(true);
    expect(await within(() => accounts.delete('a'))).toBe(false);
    expect(await accounts.findOne('a')).toBeNull();
  });

  it('reports what another program stored, and never overwrites it', async () => {
    store.setForeign('account:a', '{"owner":"Zoe"}');
    const refused = [
      () => accounts.findOne('a'),
      () => accounts.findMany(['b', 'a']),
      () => accounts.peek('a'),
      () => accounts.save(account('a')),
      () => accounts.insert(account('a')),
      () => accounts.update('a', { owner: 'x' }),
      () => accounts.delete('a'),
    ];
    for (const attempt of refused) {
      const call = within<unknown>(attempt);
      await expect(call).rejects.toBeInstanceOf(ForeignDataError);
      await expect(call).rejects.toMatchObject({ key: 'account:a' });
    }
    expect(store.peekRaw('account:a')).toBe('{"owner":"Zoe"}');
  });

  it.each(['{}', ':', 'a:b', '\0', '😀', ' ', '__proto__', 'x'.repeat(1016)])(
    'stores the id %p and finds it again',
    async (id) => {
      await within(() => accounts.save(account(id)));

      expect((await accounts.findOneOrFail(id)).id).toBe(id);
      expect(await accounts.findOne(`${id.slice(0, -2)}!`)).toBeNull();
    },
  );

  it.each([
    ['EntityIdError', ''],
    ['EntityIdError', '\ud800'],
    ['EntityIdError', undefined],
    ['EntityIdError', 7],
    ['LimitExceededError', 'x'.repeat(65_536)],
  ])('refuses with %s an id that it cannot keep', async (name, id) => {
    const wrong = id as string;
    const attempts = [
      () => accounts.findOne(wrong),
      () => accounts.findMany(['a', wrong]),
      () => accounts.save(account(wrong)),
      () => accounts.delete(wrong),
      () => accounts.peek(wrong),
    ];
    for (const attempt of attempts) {
      await expect(within<unknown>(attempt)).rejects.toMatchObject({ name });
    }
  });
});

describe('a repository inside a transaction', () => {
  it('reads repeatably, whatever others write meanwhile', async () => {
    await accounts.save(account('a'));
    const owners: (string | undefined)[] = [];
    const call = manager.run(
      async () => {
        owners.push((await accounts.findOne('a'))?.owner);
        await apart(() => accounts.save(account('a', 'Eve')));
        owners.push((await accounts.findOne('a'))?.owner);
        owners.push((await accounts.findMany(['b', 'a']))[1]?.owner);
      },
      { retry: { attempts: 1 } },
    );

    await expect(call).rejects.toMatchObject({ name: 'TransactionConflictError' });
    expect(owners).toEqual(['Ann', 'Ann', 'Ann']);
  });

  it('sees its own writes, and nobody else does before the commit', async () => {
    await run(async () => {
      await accounts.save(account('a', 'mine'));
      expect(await accounts.findOneOrFail('a')).toMatchObject({ owner: 'mine' });
      expect(await accounts.peek('a')).toMatchObject({ owner: 'mine' });
      expect(await apart(() => accounts.findOne('a'))).toBeNull();
      await accounts.delete('a');
      expect([await accounts.findOne('a'), await accounts.exists('a')]).toEqual([null, false]);
      await accounts.insert(account('a', 'again'));
    });

    expect(await accounts.findOneOrFail('a')).toMatchObject({ owner: 'again' });
  });

  it('does not insert twice, nor over what it saw', async () => {
    await accounts.save(account('b'));
    await run(async () => {
      await accounts.insert(account('a'));
      await expect(accounts.insert(account('a'))).rejects.toBeInstanceOf(EntityAlreadyExistsError);
      await accounts.findOne('b');
      await expect(accounts.insert(account('b'))).rejects.toBeInstanceOf(EntityAlreadyExistsError);
      await accounts.delete('b');
      await accounts.insert(account('b', 'new'));
    });

    expect(await accounts.findOneOrFail('b')).toMatchObject({ owner: 'new' });
  });

  it('checks an insert at commit that was followed by other changes', async () => {
    await accounts.save(account('a'));
    const inserts = [
      () => accounts.save(account('a', 'saved')),
      () => accounts.update('a', { owner: 'updated' }),
      () => accounts.delete('a'),
    ];
    for (const change of inserts) {
      const call = run(async () => {
        await accounts.insert(account('a', 'inserted'));
        await change();
      });
      await expect(call).rejects.toBeInstanceOf(EntityAlreadyExistsError);
    }
    expect(await accounts.findOneOrFail('a')).toMatchObject({ owner: 'Ann' });
  });

  it('peeks without being validated', async () => {
    await accounts.save(account('a'));
    let runs = 0;
    await run(async () => {
      runs++;
      expect(await accounts.peek('a')).toMatchObject({ owner: runs === 1 ? 'Ann' : 'Eve' });
      expect(await accounts.peek('none')).toBeNull();
      await apart(() => accounts.save(account('a', 'Eve')));
      expect(await accounts.peek('a')).toMatchObject({ owner: 'Eve' });
      await accounts.save(account('b'));
    });

    expect(runs).toBe(1);
  });

  it('counts an item once against the limit, however often it is named', async () => {
    await accounts.save(account('a'));
    const small = createTestTransactions({ limits: { items: 3 } });
    const few = small.repository(Account);

    const found = await few.findMany(Array.from({ length: 20 }, () => 'a'));
    expect(found).toHaveLength(20);
    await expect(few.findMany(['a', 'b', 'c', 'd'])).rejects.toMatchObject({
      name: 'LimitExceededError',
      limit: 'items',
    });
  });

  it('counts what it writes in bytes', async () => {
    const small = createTestTransactions({ limits: { transactionBytes: 100 } });
    const few = small.repository(Account);

    await few.save(account('a', 'x'.repeat(60)));
    await expect(few.save(account('a', 'é'.repeat(60)))).rejects.toMatchObject({
      name: 'LimitExceededError',
      limit: 'transactionBytes',
    });
  });
});

describe('the version of an entity', () => {
  it('is had for what a repository returned, and for nothing else', async () => {
    const saved = await accounts.insert(account('a'));
    const found = await accounts.findOneOrFail('a');

    expect(accounts.versionOf(found)).toEqual(expect.any(String));
    expect(accounts.versionOf(saved)).toBe(accounts.versionOf(found));
    expect(accounts.versionOf({ ...found })).toBeUndefined();
    expect(Object.keys(found)).toEqual(['id', 'owner']);
  });

  it('guards a save across requests, and is not retried', async () => {
    const expectedVersion = accounts.versionOf(await accounts.insert(account('a')))!;
    await accounts.save(account('a', 'Ben'), { expectedVersion });
    let runs = 0;

    for (const read of [false, true]) {
      const call = run(async () => {
        runs++;
        if (read) await accounts.findOne('a');
        await accounts.save(account('a', 'Eve'), { expectedVersion });
      });
      await expect(call).rejects.toBeInstanceOf(VersionMismatchError);
      await expect(call).rejects.toMatchObject({ expectedVersion, entity: 'account', id: 'a' });
    }
    expect(runs).toBe(2);
    expect(await accounts.findOneOrFail('a')).toMatchObject({ owner: 'Ben' });
  });

  it('guards though a later save of the transaction expects another', async () => {
    const stale = accounts.versionOf(await accounts.insert(account('a')))!;
    const fresh = accounts.versionOf(await accounts.save(account('a', 'Ben')))!;
    const first = [
      () => accounts.save(account('a', 'Eve'), { expectedVersion: stale }),
      () => accounts.insert(account('a', 'Eve')),
    ];
    for (const change of first) {
      const call = run(async () => {
        await change();
        await accounts.save(account('a', 'Eve'), { expectedVersion: fresh });
      });
      await expect(call).rejects.toBeInstanceOf(VersionMismatchError);
    }
    expect(await accounts.findOneOrFail('a')).toMatchObject({ owner: 'Ben' });
  });

  it('of what the transaction has saved itself may be expected by its next save', async () => {
    await accounts.insert(account('a'));
    for (const read of [true, false]) {
      const expectedVersion = accounts.versionOf((await accounts.findOne('a'))!)!;
      await run(async () => {
        if (read) await accounts.findOne('a');
        const saved = await accounts.save(account('a', 'Ben'), { expectedVersion });
        const own = accounts.versionOf(saved)!;
        await accounts.save(account('a', 'Cleo'), { expectedVersion: own });
        await accounts.save(account('a', 'Dora'), { expectedVersion });
      });
      expect(await accounts.findOneOrFail('a')).toMatchObject({ owner: 'Dora' });
    }
  });

  it('guards against an entity that is gone', async () => {
    const expectedVersion = accounts.versionOf(await accounts.insert(account('a')))!;
    await accounts.delete('a');
    await accounts.insert(account('a'));

    await expect(accounts.save(account('a'), { expectedVersion })).rejects.toBeInstanceOf(
      VersionMismatchError,
    );
  });

  it.each([
    [undefined, TransactionOptionsError],
    [null, TransactionOptionsError],
    [7, TransactionOptionsError],
    ['', EntityInvalidError],
    ['1', EntityInvalidError],
    ['1.w|', EntityInvalidError],
    ['1.w*lock', EntityInvalidError],
  ])('is refused when %p is given for it', async (version, errorClass) => {
    const options = { expectedVersion: version as string };

    await expect(accounts.save(account('a'), options)).rejects.toBeInstanceOf(errorClass);
    expect(await accounts.exists('a')).toBe(false);
  });

  it('is known of a blind write once it is committed', async () => {
    await accounts.save(account('a'));
    const saved = await run(async () => {
      const entity = await accounts.save(account('a', 'Ben'));
      expect(accounts.versionOf(entity)).toBeUndefined();
      return entity;
    });
    const expectedVersion = accounts.versionOf(saved);

    expect(expectedVersion).toBe(accounts.versionOf(await accounts.findOneOrFail('a')));
    await accounts.save(account('a', 'Cleo'), { expectedVersion: expectedVersion! });
  });

  it('of an entity whose transaction failed never passes for a stored one', async () => {
    await accounts.save(account('a'));
    let saved: Account | undefined;
    await run(async () => {
      await accounts.findOne('a');
      saved = await accounts.save(account('a', 'Eve'));
      throw new Error('no');
    }).catch(() => undefined);
    const expectedVersion = accounts.versionOf(saved!);
    await accounts.save(account('a', 'Ben'));

    const options = { expectedVersion: expectedVersion ?? 'none' };
    const call = accounts.save(account('a', 'stale'), options);
    await expect(call).rejects.toBeInstanceOf(VersionMismatchError);
  });
});

it('an error of a counter is not what an entity without counters gives', async () => {
  const call = accounts.increment('a', 'owner' as never, 1);

  await expect(call).rejects.toBeInstanceOf(EntityInvalidError);
  await expect(call).rejects.not.toBeInstanceOf(CounterBoundError);
});
