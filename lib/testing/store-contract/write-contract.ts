import assert from 'node:assert/strict';
import { recordKeyOf } from '../../store/transaction-address.js';
import {
  adopt,
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

export const WRITE_CONTRACT: readonly ContractCase[] = [
  {
    title: 'counts the commits of an item and names its writer in each version',
    run: async (session) => {
      const key = session.key();
      const first = await session.commits(insert(key, write('one')));
      assert.equal((await session.item()).version, `1.${first}`);

      const second = await session.commits(replace(key, `1.${first}`, write('two')));

      const { version, payload } = await session.item();
      assert.deepEqual({ version, payload }, { version: `2.${second}`, payload: 'two' });
    },
  },
  {
    title: 'writes blindly whatever stands, and tells the count of commits it made',
    run: async (session) => {
      const [key, absent] = [session.key(), session.key('absent')];
      await session.commits(insert(key));
      const other = session.key('seen');

      const address = session.address();
      const reply = await session.commit([seen(other, '0'), blind(key), blind(absent)], address);

      assert.equal(reply.status, 'committed');
      const counts = reply.status === 'committed' ? [...reply.commitCounts] : [];
      const expected = [
        [1, 2],
        [2, 1],
      ];
      assert.deepEqual(counts, expected);
      assert.equal((await session.item(key)).version, `2.${address.id}`);
      assert.equal((await session.item(absent)).version, `1.${address.id}`);
    },
  },
  {
    title: 'deletes an item at the version that was seen',
    run: async (session) => {
      const writer = await session.commits(insert(session.key()));

      await session.commits(remove(session.key(), `1.${writer}`));

      await session.assertAbsent();
    },
  },
  {
    title: 'commits what was only read and what is absent, without changing it',
    run: async (session) => {
      const [key, absent] = [session.key(), session.key('absent')];
      const writer = await session.commits(insert(key, write('kept')));

      await session.commits(seen(key, `1.${writer}`), seen(absent, '0'));

      assert.equal((await session.item(key)).version, `1.${writer}`);
      assert.equal(await session.read(absent), undefined);
    },
  },
  {
    title: 'commits a transaction without items, whose outcome then is known',
    run: async (session) => {
      const address = session.address();

      assert.equal((await session.commit([], address)).status, 'committed');

      assert.equal(await session.store.outcome(address, session.until), 'committed');
    },
  },
  {
    title: 'never gives a version twice: not after a deletion and a new insertion (ABA)',
    run: async (session) => {
      const key = session.key();
      const first = await session.commits(insert(key, write('same')));
      await session.commits(remove(key, `1.${first}`));
      const second = await session.commits(insert(key, write('same')));

      const reply = await session.commit([replace(key, `1.${first}`)]);

      const found = `1.${second}`;
      assert.deepEqual(reply, { status: 'conflict', index: 0, found });
    },
  },
  {
    title: 'writes the record in the step that writes the items',
    run: async (session) => {
      const address = session.address();
      await session.commit([insert(session.key())], address);

      assert.equal(await session.store.outcome(address, session.until), 'committed');
      const raw = session.seesRaw ? await session.raw(recordKeyOf(address)) : undefined;
      if (raw === undefined) return;
      assert(raw.startsWith('committed|'), raw);
      const record = JSON.parse(raw.slice(raw.indexOf('|') + 1)) as Record<string, unknown>;
      assert.equal(record['name'], 'contract');
      assert(Math.abs(Number(record['decidedAt']) - address.deadlineAtMs) < 60_000);
    },
  },
  {
    title: 'notes that a commit may have happened, once it may',
    oneStep: true,
    run: async (session) => {
      const commit = session.commitOf([insert(session.key())]);

      await session.store.commitOnePhase(commit, session.until);

      assert.equal(commit.sent, true);
    },
  },
  {
    title: 'commits the largest transaction: 1000 items',
    run: async (session) => {
      const keys = Array.from({ length: 1000 }, (_, index) => session.key(String(index)));

      await session.commits(...keys.map((key) => insert(key, write(key))));

      const { items } = await session.store.read(keys, session.until);
      assert(items.every((item, n) => item?.kind === 'item' && item.payload === keys[n]));
    },
  },
  {
    title: 'makes an item of a foreign value that is still the one seen',
    oneStep: true,
    run: async (session) => {
      const key = session.key();
      const foreign = '{"balance":5,"text":"|😀"}';
      await session.setForeign(key, foreign);

      const writer = await session.commits(adopt(key, foreign, counted('5')));

      const { version, counters } = await session.item();
      assert.deepEqual({ version, counters }, { version: `1.${writer}`, counters: '5' });
    },
  },
  {
    title: 'makes an item of a foreign value that is the empty text',
    oneStep: true,
    run: async (session) => {
      await session.setForeign(session.key(), '');

      await session.commits(adopt(session.key(), '', write('adopted')));

      assert.equal((await session.item()).payload, 'adopted');
    },
  },
  ...((['insert', 'replace', 'blind', 'increment', 'adopt'] as const).map((how) => ({
    title: `lets an item expire that was written with a time to live: ${how}`,
    oneStep: how === 'adopt',
    run: async (session) => {
      const key = session.key();
      const ttlMs = 700;
      if (how === 'adopt') await session.setForeign(key, 'foreign');
      const before = ['insert', 'adopt'].includes(how)
        ? undefined
        : await session.commits(insert(key, counted('1')));
      const items = {
        insert: () => insert(key, counted('1', ttlMs)),
        replace: () => replace(key, `1.${before}`, counted('1', ttlMs)),
        blind: () => blind(key, counted('1', ttlMs)),
        increment: () => increment(key, [step(1)], ttlMs),
        adopt: () => adopt(key, 'foreign', counted('1', ttlMs)),
      };

      await session.commits(items[how]());

      assert.notEqual(await session.read(key), undefined);
      await session.passing(ttlMs, async () => (await session.read(key)) === undefined);
      await session.commits(seen(key, '0'));
    },
  })) satisfies ContractCase[]),
  {
    title: 'keeps an item for ever that is written again without a time to live',
    run: async (session) => {
      const [key, witness] = [session.key(), session.key('witness')];
      const first = await session.commits(insert(key, counted('1', 600)));
      await session.commits(replace(key, `1.${first}`, counted('2')));
      await session.commits(insert(witness, counted('1', 650)));

      await session.passing(650, async () => (await session.read(witness)) === undefined);

      assert.equal((await session.item(key)).counters, '2');
    },
  },
];
