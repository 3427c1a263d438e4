import assert from 'node:assert/strict';
import { printAddress } from '../../store/transaction-address.js';
import {
  blind,
  counted,
  increment,
  insert,
  remove,
  replace,
  seen,
  step,
  write,
  type ContractCase,
} from './contract-session.js';

export const RELEASE_CONTRACT: readonly ContractCase[] = [
  {
    title: 'releases what is held as it was before, and leaves nothing of what was absent',
    run: async (session) => {
      const keys = ['replaced', 'deleted', 'counted'].map((name) => session.key(name));
      const [replaced, deleted, incremented] = keys as [string, string, string];
      const absent = session.key('absent');
      const old = write('old|*|😀', { counters: '1,-2' });
      const version = `1.${await session.commits(...keys.map((key) => insert(key, old)))}`;
      const before = await Promise.all(keys.map((key) => session.raw(key)));
      for (const marked of [false, true]) {
        const address = session.address();
        const items = [
          replace(replaced, version),
          remove(deleted, version),
          increment(incremented, [step(1)]),
          insert(absent),
        ];
        assert.equal((await session.prepare(items, address, marked)).status, 'prepared');

        await session.release(address, ...keys, absent);

        const { items: stand, locked } = await session.store.read([...keys, absent], session.until);
        assert.equal(locked, false);
        const item = { kind: 'item', version, lock: undefined, counters: '1,-2' };
        const whole = { ...item, payload: old.payload };
        const plain = stand.map((found) => found && { ...found });
        assert.deepEqual(plain, [whole, whole, whole, undefined]);
        assert.deepEqual(await Promise.all(keys.map((key) => session.raw(key))), before);
      }
      await session.commits(replace(replaced, version), seen(deleted, version), insert(absent));
    },
  },
  {
    title: 'releases a second time without changing anything',
    run: async (session) => {
      const [key, absent] = [session.key(), session.key('absent')];
      await session.commits(insert(key));
      const address = session.address();
      await session.holds(address, blind(key), insert(absent));
      await session.release(address, key, absent);
      const writer = await session.commits(blind(key), insert(absent, write('later')));

      await session.release(address, key, absent);

      assert.equal((await session.item(key)).version, `2.${writer}`);
      assert.equal((await session.item(absent)).version, `1.${writer}`);
    },
  },
  {
    title: 'releases only what the transaction itself holds',
    run: async (session) => {
      const [key, absent] = [session.key(), session.key('absent')];
      const [free, foreign, none] = ['free', 'foreign', 'none'].map((name) =>
        session.key(name),
      ) as [string, string, string];
      await session.commits(insert(key), insert(free));
      await session.setForeign(foreign, 'foreign');
      const owner = session.address();
      await session.holds(owner, blind(key), insert(absent));
      const keys = [key, absent, free, foreign, none];
      const before = await session.store.read(keys, session.until);
      const namesake = { ...owner, deadlineAtMs: owner.deadlineAtMs + 1 };

      for (const other of [session.address(), namesake]) await session.release(other, ...keys);

      const { items, locked } = await session.store.read(keys, session.until);
      assert.deepEqual([items, locked], [before.items, true]);
      assert.equal((await session.item(absent)).lock, printAddress(owner));
    },
  },
  {
    title: 'releases the lock of a prepare that comes after a release',
    run: async (session) => {
      const address = session.address();
      await session.holds(address, insert(session.key()));
      await session.release(address, session.key());
      await session.holds(address, insert(session.key()));

      await session.release(address, session.key());

      assert.equal(await session.read(), undefined);
    },
  },
  {
    title: 'lets nothing expire that is held, and removes on release what has expired meanwhile',
    run: async (session) => {
      const ttlMs = 700;
      const [key, witness] = [session.key(), session.key('witness')];
      await session.commits(insert(key, counted('1', ttlMs)));
      const address = session.address();
      await session.holds(address, increment(key, [step(1)]));
      await session.commits(insert(witness, counted('1', ttlMs)));
      await session.passing(ttlMs, async () => (await session.read(witness)) === undefined);
      const { counters, lock } = await session.item(key);
      assert.equal(counters, '1');
      assert(lock?.startsWith(`${printAddress(address)}~`), lock);

      await session.release(address, key);

      assert.equal(await session.read(key), undefined);
      await session.commits(insert(key));
    },
  },
  {
    title: 'restores on release when an item expires',
    run: async (session) => {
      const ttlMs = 900;
      const [key, forever] = [session.key(), session.key('forever')];
      await session.commits(insert(key, counted('1', ttlMs)), insert(forever, counted('1')));
      const address = session.address();
      await session.holds(address, blind(key), blind(forever));

      await session.release(address, key, forever);

      assert.equal((await session.item(key)).lock, undefined);
      await session.passing(ttlMs, async () => (await session.read(key)) === undefined);
      assert.equal((await session.item(forever)).lock, undefined);
    },
  },
];
