import assert from 'node:assert/strict';
import { insert, write, type ContractCase } from './contract-session.js';

const MANY = 1500;

const KEYS: readonly (readonly [string, string])[] = [
  ['an empty pair of braces', 'a{}b'],
  ['braces that never close', 'a{b'],
  ['colons and bars', 'a:b|c*d@e'],
  ['a NUL', 'a\0b'],
  ['an emoji', 'a😀b'],
  ['line ends and spaces', ' a\r\nb\t'],
  ['quotes and backslashes', `a"b'c\\d`],
  ['1000 bytes', 'x'.repeat(1000)],
];

export const READ_CONTRACT: readonly ContractCase[] = [
  {
    title: 'reads nothing where nothing stands',
    run: async (session) => {
      assert.equal(await session.read(), undefined);
    },
  },
  {
    title: 'reads items in the order of the keys, with holes and duplicates',
    run: async (session) => {
      const [a, b, none] = ['a', 'b', 'none'].map((name) => session.key(name)) as [
        string,
        string,
        string,
      ];
      await session.commits(insert(a, write('A')), insert(b, write('B')));

      const { items } = await session.store.read([b, none, a, b, none], session.until);

      const payloads = items.map((item) => (item?.kind === 'item' ? item.payload : item));
      assert.deepEqual(payloads, ['B', undefined, 'A', 'B', undefined]);
    },
  },
  {
    title: 'reads version, counters and payload as they were written',
    run: async (session) => {
      const key = session.key();
      const payload = '{"a":"|*|","b":"😀\\u0000"}';
      const writer = await session.commits(insert(key, write(payload, { counters: '-1,0,7' })));

      assert.deepEqual(await session.read(key), {
        kind: 'item',
        version: `1.${writer}`,
        lock: undefined,
        counters: '-1,0,7',
        payload,
      });
    },
  },
  {
    title: 'reads a payload that is empty, and one of a megabyte',
    run: async (session) => {
      const payloads = ['', 'é'.repeat(512 * 1024)];
      for (const [index, payload] of payloads.entries()) {
        const key = session.key(String(index));
        await session.commits(insert(key, write(payload)));
        assert.equal((await session.item(key)).payload, payload);
      }
    },
  },
  {
    title: 'tells values that another program wrote from items',
    run: async (session) => {
      for (const value of ['', '{"a":1}', 'text', '0.a|b|c', '1|2|3', 'x.y|1|2', '1.a']) {
        await session.setForeign(session.key(), value);
        assert.deepEqual(await session.read(), { kind: 'foreign', value });
      }
    },
  },
  {
    title: 'reads an item under the lock of another transaction, and says who holds it',
    run: async (session) => {
      await session.setForeign(session.key(), '3.writer*holder@0@99|5|{}');

      assert.deepEqual(await session.read(), {
        kind: 'item',
        version: '3.writer',
        lock: 'holder@0@99',
        counters: '5',
        payload: '{}',
      });
    },
  },
  {
    title: `reads ${MANY} keys at once`,
    run: async (session) => {
      const keys = Array.from({ length: MANY }, (_, index) => session.key(String(index)));
      const [first, last] = [keys[0]!, keys.at(-1)!];
      await session.commits(insert(first, write('first')), insert(last, write('last')));

      const { items } = await session.store.read(keys, session.until);

      assert.equal(items.length, MANY);
      const found = items.flatMap((item) => (item?.kind === 'item' ? [item.payload] : []));
      assert.deepEqual(found, ['first', 'last']);
    },
  },
  {
    title: 'gives items that were not read in one step no common moment',
    run: async (session) => {
      const first = await session.store.read([session.key()], session.until);
      await session.commits(insert(session.key()));
      const second = await session.store.read([session.key()], session.until);

      assert(first.moment === undefined || first.moment !== second.moment);
    },
  },
  {
    title: 'sees in one step all of a commit or nothing of it',
    run: async (session) => {
      const keys = Array.from({ length: 20 }, (_, index) => session.key(String(index)));
      const reads = Array.from({ length: 8 }, () => session.store.read(keys, session.until));
      const commit = session.commits(...keys.map((key) => insert(key)));
      reads.push(...Array.from({ length: 8 }, () => session.store.read(keys, session.until)));
      await commit;

      for (const { items, moment } of await Promise.all(reads)) {
        if (moment === undefined) continue;
        const found = items.filter((item) => item !== undefined).length;
        assert(found === 0 || found === keys.length, `${found} of ${keys.length} items were seen.`);
      }
    },
  },
  ...(KEYS.map(([what, name]) => ({
    title: `finds an item again under a key with ${what}`,
    run: async (session) => {
      const key = session.key().slice(0, -4) + name;
      const near = session.key(`${name.slice(0, -1)}`);
      await session.commits(insert(key, write(what)));

      assert.equal((await session.item(key)).payload, what);
      assert.equal(await session.read(near), undefined);
    },
  })) satisfies ContractCase[]),
];
