import assert from 'node:assert/strict';
import { parseLock } from '../../store/lock.js';
import { printAddress } from '../../store/transaction-address.js';
import type { CommitItem, ItemRefusal } from '../../store/versioned-store.js';
import {
  adopt,
  blind,
  counted,
  increment,
  insert,
  remove,
  replace,
  step,
  write,
  type ContractCase,
  type ContractSession,
} from './contract-session.js';

const ITEM = '4.writer|5|{}';
const LOCKED = '4.writer*holder@0@99|5|{}';
const MARKED = '4.writer*holder@0@99!~9|5|{}';
const PLACEHOLDER = '0.1767225600000000*holder@0@99||';
const conflict = (found: string): ItemRefusal => ({ status: 'conflict', index: 1, found });
const locked = (found: string): ItemRefusal => ({ status: 'locked', index: 1, found });
const foreign: ItemRefusal = { status: 'foreign', index: 1 };

/** What is asked, what stands (undefined for nothing), and why it is refused. */
type Row = readonly [string, string | undefined, (key: string) => CommitItem, ItemRefusal];

const REFUSALS: readonly Row[] = [
  ['a write over another version', ITEM, (key) => replace(key, '3.writer'), conflict('4.writer')],
  ['a write over an item that is gone', undefined, (key) => replace(key, '1.w'), conflict('0')],
  ['an insert over an item', ITEM, (key) => insert(key), conflict('4.writer')],
  ['a deletion of another version', ITEM, (key) => remove(key, '4.w'), conflict('4.writer')],
  ['a deletion of what is gone', undefined, (key) => remove(key, '4.w'), conflict('0')],
  ['an adoption of what is an item now', ITEM, (key) => adopt(key, 'old'), conflict('4.writer')],
  ['an adoption of what is gone', undefined, (key) => adopt(key, 'old'), conflict('0')],
  ['a write of what another holds', LOCKED, (key) => replace(key, '4.writer'), locked('4.writer')],
  ['a blind write of what another holds', LOCKED, (key) => blind(key), locked('4.writer')],
  ['a deletion of what is marked', MARKED, (key) => remove(key, '4.writer'), locked('4.writer')],
  [
    'an increment of what another holds',
    LOCKED,
    (key) => increment(key, [step(1)]),
    locked('4.writer'),
  ],
  ['an insert where another inserts', PLACEHOLDER, (key) => insert(key), locked('0')],
  ['a blind write where another inserts', PLACEHOLDER, (key) => blind(key), locked('0')],
  [
    'an increment where another inserts',
    PLACEHOLDER,
    (key) => increment(key, [step(1)]),
    locked('0'),
  ],
  [
    'an increment of an absent item',
    undefined,
    (key) => increment(key, [step(1)]),
    { status: 'absent', index: 1 },
  ],
  [
    'an increment of a counter that the item lacks',
    ITEM,
    (key) => increment(key, [step(1, { index: 1 })]),
    { status: 'counters', index: 1 },
  ],
  [
    'an increment that meets its lower bound, in the second of its steps',
    ITEM,
    (key) => increment(key, [step(-4, { min: 0 }), step(-2, { min: 0 })]),
    { status: 'bound', index: 1, increment: 1, value: 1 },
  ],
  [
    'an increment that meets its upper bound',
    ITEM,
    (key) => increment(key, [step(6, { max: 10 })]),
    { status: 'bound', index: 1, increment: 0, value: 5 },
  ],
  ['a blind write over a foreign value', '{"a":1}', (key) => blind(key), foreign],
  ['an insert over a foreign value', '', (key) => insert(key), foreign],
  ['an increment of a foreign value', '5', (key) => increment(key, [step(1)]), foreign],
  [
    'an adoption of a foreign value that is the one seen',
    'old',
    (key) => adopt(key, 'old'),
    foreign,
  ],
];

/** The refused item stands among others that would be fine: none of them may be locked. */
async function refuses(session: ContractSession, [, stands, item, refusal]: Row): Promise<void> {
  const [before, key, after] = ['before', 'key', 'after'].map((name) => session.key(name)) as [
    string,
    string,
    string,
  ];
  await session.commits(insert(after, counted('1')));
  if (stands !== undefined) await session.setForeign(key, stands);
  const address = session.address();

  const reply = await session.prepare([insert(before), item(key), blind(after)], address);

  assert.deepEqual(reply, refusal);
  assert.equal(await session.read(before), undefined);
  assert.equal((await session.item(after)).lock, undefined);
  if (session.seesRaw) assert.equal(await session.raw(key), stands);
}

export const PREPARE_CONTRACT: readonly ContractCase[] = [
  {
    title: 'locks every kind of written item, and tells under which heads',
    run: async (session) => {
      const keys = ['replaced', 'blind', 'deleted', 'counted'].map((name) => session.key(name));
      const [replaced, overwritten, deleted, incremented] = keys as [
        string,
        string,
        string,
        string,
      ];
      const writer = await session.commits(...keys.map((key) => insert(key, counted('1'))));
      const address = session.address();

      const held = await session.holds(
        address,
        replace(replaced, `1.${writer}`, write('later')),
        blind(overwritten, write('later')),
        remove(deleted, `1.${writer}`),
        increment(incremented, [step(1, { max: 2 })]),
      );

      for (const { key, held: head } of held) {
        assert.equal(head, `1.${writer}*${printAddress(address)}`);
        if (session.seesRaw) assert.equal(await session.raw(key), `${head}|1|{}`);
      }
    },
  },
  {
    title: 'shows a reader the lock, and the value as it was before',
    run: async (session) => {
      const [key, other] = [session.key(), session.key('other')];
      const writer = await session.commits(
        insert(key, write('old', { counters: '1,2' })),
        insert(other),
      );
      const address = session.address();
      await session.holds(address, blind(key, write('new')));

      const reply = await session.store.read([other, key], session.until);

      assert.equal(reply.locked, true);
      assert.deepEqual(
        { ...reply.items[1] },
        {
          kind: 'item',
          version: `1.${writer}`,
          lock: printAddress(address),
          counters: '1,2',
          payload: 'old',
        },
      );
      assert.equal((await session.store.read([other], session.until)).locked, false);
    },
  },
  {
    title: 'locks what is absent as a placeholder, which a reader sees',
    run: async (session) => {
      const [inserted, overwritten] = [session.key('inserted'), session.key('blind')];
      const address = session.address();

      const held = await session.holds(address, insert(inserted), blind(overwritten));

      const reply = await session.store.read([inserted, overwritten], session.until);
      assert.equal(reply.locked, true);
      for (const [index, item] of reply.items.entries()) {
        assert(item?.kind === 'item', 'A placeholder has the layout of an item.');
        assert.match(item.version, /^0\.\d+$/);
        assert.deepEqual([item.lock, item.counters, item.payload], [printAddress(address), '', '']);
        assert.equal(held[index]?.held, `${item.version}*${item.lock}`);
      }
    },
  },
  {
    title: 'never gives a placeholder the version of an earlier one',
    run: async (session) => {
      const address = session.address();
      const [first] = await session.holds(address, insert(session.key()));
      await session.release(address, session.key());

      const [second] = await session.holds(address, insert(session.key()));

      assert.notEqual(second?.held, first?.held);
    },
  },
  {
    title: 'marks the locks of a transaction that must still validate',
    run: async (session) => {
      const address = session.address();
      await session.commits(insert(session.key()));

      const items = [blind(session.key()), insert(session.key('absent'))];
      const reply = await session.prepare(items, address, true);

      assert(reply.status === 'prepared');
      for (const head of reply.heads) assert(head.endsWith(`*${printAddress(address)}!`), head);
      assert.equal((await session.item()).lock, `${printAddress(address)}!`);
    },
  },
  {
    title: 'notes in a lock when the item would have expired',
    run: async (session) => {
      const ttlMs = 60_000;
      await session.commits(insert(session.key(), counted('1', ttlMs)));
      const address = session.address();

      await session.prepare([blind(session.key())], address, true);

      const lock = parseLock((await session.item()).lock ?? '');
      assert.deepEqual([lock?.address, lock?.marked], [address, true]);
      const expectedAtMs = session.store.toNodeTime(session.clock.now()) + ttlMs;
      assert(Math.abs((lock?.expiresAtMs ?? 0) - expectedAtMs) < 30_000);
    },
  },
  {
    title: 'answers a transaction that prepares again what it answered before',
    run: async (session) => {
      const [key, absent] = [session.key(), session.key('absent')];
      const writer = await session.commits(insert(key, counted('1', 60_000)));
      const address = session.address();
      const items = [replace(key, `1.${writer}`), insert(absent)];
      const first = await session.prepare(items, address);

      assert.equal(first.status, 'prepared');
      assert.deepEqual(await session.prepare(items, address), first);
      // What is held counts, whatever is expected of it and however it is marked.
      const others = [replace(key, '9.other'), replace(absent, '9.other')];
      assert.deepEqual(await session.prepare(others, address, true), first);
    },
  },
  {
    title: 'locks what a transaction does not hold yet beside what it does',
    run: async (session) => {
      const [held, more] = [session.key(), session.key('more')];
      const writer = await session.commits(insert(held), insert(more));
      const address = session.address();
      await session.holds(address, blind(held));

      const both = await session.holds(address, blind(more), blind(held));

      const head = `1.${writer}*${printAddress(address)}`;
      assert.deepEqual(
        both.map((item) => item.held),
        [head, head],
      );
    },
  },
  {
    title: 'lets exactly one of many transactions lock the same items',
    oneStep: true,
    run: async (session) => {
      const [a, b] = [session.key('a'), session.key('b')];
      const writer = await session.commits(insert(a));
      const items = [replace(a, `1.${writer}`), insert(b)];

      const replies = await Promise.all(
        Array.from({ length: 20 }, (_, nth) =>
          session.prepare(nth % 2 === 0 ? items : items.toReversed()),
        ),
      );

      const statuses = replies.map(({ status }) => status).toSorted();
      assert.deepEqual(statuses, [...Array<string>(19).fill('locked'), 'prepared']);
    },
  },
  ...REFUSALS.map((row) => ({
    title: `does not prepare ${row[0]}, and locks nothing`,
    run: (session: ContractSession) => refuses(session, row),
  })),
  {
    title: 'names the first item that cannot be prepared, in the order of the items',
    run: async (session) => {
      const [a, b] = [session.key('a'), session.key('b')];
      await session.setForeign(b, 'foreign');

      const reply = await session.prepare([replace(a, '1.w'), blind(b)]);

      assert.deepEqual(reply, { status: 'conflict', index: 0, found: '0' });
    },
  },
];
