import assert from 'node:assert/strict';
import type { CommitItem, OnePhaseReply } from '../../store/versioned-store.js';
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
  type ContractSession,
} from './contract-session.js';

interface Refusal {
  readonly title: string;
  /** What stands under the key, as raw text; undefined for nothing. */
  readonly stands: string | undefined;
  readonly item: (key: string) => CommitItem;
  readonly reply: OnePhaseReply;
}

const ITEM = '4.writer|1|{}';
const LOCKED = '4.writer*holder@0@99|1|{}';
const conflict = (found: string): OnePhaseReply => ({ status: 'conflict', index: 1, found });
const locked: OnePhaseReply = { status: 'locked', index: 1, found: '4.writer' };
const foreign: OnePhaseReply = { status: 'foreign', index: 1 };

type Row = readonly [string, string | undefined, (key: string) => CommitItem, OnePhaseReply];

const ROWS: readonly Row[] = [
  ['a read of an older version', ITEM, (key) => seen(key, '3.writer'), conflict('4.writer')],
  ['a read of a version by another writer', ITEM, (key) => seen(key, '4.w'), conflict('4.writer')],
  ['a read of a longer version', ITEM, (key) => seen(key, '4.writers'), conflict('4.writer')],
  ['a read of a version that is gone', undefined, (key) => seen(key, '4.writer'), conflict('0')],
  ['an absence that ended', ITEM, (key) => seen(key, '0'), conflict('4.writer')],
  ['a write over another version', ITEM, (key) => replace(key, '3.writer'), conflict('4.writer')],
  ['a write over an item that is gone', undefined, (key) => replace(key, '1.w'), conflict('0')],
  ['an insert over an item', ITEM, (key) => insert(key), conflict('4.writer')],
  ['a deletion of another version', ITEM, (key) => remove(key, '3.writer'), conflict('4.writer')],
  ['a deletion of what is gone', undefined, (key) => remove(key, '3.writer'), conflict('0')],
  ['an adoption of what is an item now', ITEM, (key) => adopt(key, 'old'), conflict('4.writer')],
  ['an adoption of what is gone', undefined, (key) => adopt(key, 'old'), conflict('0')],
  ['an adoption of an empty text that is gone', undefined, (key) => adopt(key, ''), conflict('0')],
  ['a read under a lock', LOCKED, (key) => seen(key, '4.writer'), locked],
  ['a write under a lock', LOCKED, (key) => replace(key, '4.writer'), locked],
  ['a blind write under a lock', LOCKED, (key) => blind(key), locked],
  ['an insert under a lock', LOCKED, (key) => insert(key), locked],
  ['a deletion under a lock', LOCKED, (key) => remove(key, '4.writer'), locked],
  ['an increment under a lock', LOCKED, (key) => increment(key, [step(1)]), locked],
  ...['foreign', '', '{"a":1}', '1.writer', '1.w|no second bar', '0.w|1|{}', '1.w*lock'].flatMap(
    (text): Row[] => [
      [`a read of an absence that is ${JSON.stringify(text)}`, text, (k) => seen(k, '0'), foreign],
      [`a write over the foreign ${JSON.stringify(text)}`, text, (k) => replace(k, '1.v'), foreign],
      [`an insert over the foreign ${JSON.stringify(text)}`, text, (k) => insert(k), foreign],
      [`a blind write over the foreign ${JSON.stringify(text)}`, text, (k) => blind(k), foreign],
      [`a deletion of the foreign ${JSON.stringify(text)}`, text, (k) => remove(k, '1.v'), foreign],
      [
        `an increment of the foreign ${JSON.stringify(text)}`,
        text,
        (k) => increment(k, [step(1)]),
        foreign,
      ],
      [
        `an adoption of a foreign text that is ${JSON.stringify(text)} now`,
        text,
        (k) => adopt(k, 'the old one'),
        foreign,
      ],
    ],
  ),
];

const GRID: readonly Refusal[] = ROWS.map(([title, stands, item, reply]) => ({
  title,
  stands,
  item,
  reply,
}));

/** The refused item stands among others that would be fine: nothing of any of them may be written. */
async function check(session: ContractSession, row: Refusal): Promise<void> {
  const [before, key, after] = ['before', 'key', 'after'].map((name) => session.key(name)) as [
    string,
    string,
    string,
  ];
  if (row.stands !== undefined) await session.setForeign(key, row.stands);
  const address = session.address();

  const reply = await session.commit([insert(before), row.item(key), blind(after)], address);

  assert.deepEqual(reply, row.reply);
  const { items } = await session.store.read([before, after], session.until);
  assert.deepEqual(items, [undefined, undefined]);
  if (session.seesRaw) assert.equal(await session.raw(key), row.stands);
  await session.assertUndecided(address);
}

export const REFUSAL_CONTRACT: readonly ContractCase[] = [
  ...GRID.map((row) => ({
    title: `refuses ${row.title}, and writes nothing`,
    run: (session: ContractSession) => check(session, row),
  })),
  {
    title: 'names the first item that is refused, in the order of the items',
    oneStep: true,
    run: async (session) => {
      const [a, b] = [session.key('a'), session.key('b')];
      await session.setForeign(b, 'foreign');

      const reply = await session.commit([seen(a, '1.w'), blind(b), increment(a, [step(1)])]);

      assert.deepEqual(reply, { status: 'conflict', index: 0, found: '0' });
    },
  },
  {
    title: 'refuses a deadline that has passed, and writes nothing',
    run: async (session) => {
      // More than the clock of a node is ever misjudged by.
      const address = session.address(-100);

      const reply = await session.commit([insert(session.key())], address);

      assert(reply.status === 'deadline');
      assert(reply.nodeTimeMs >= address.deadlineAtMs);
      assert.equal(await session.read(), undefined);
      if (session.seesRaw) await session.assertUndecided(address);
    },
  },
  {
    title: 'refuses a deadline that lies too far off, and writes nothing',
    run: async (session) => {
      const address = session.address(120_000);

      const reply = await session.commit([insert(session.key())], address);

      assert.equal(reply.status, 'deadline');
      assert.equal(await session.read(), undefined);
      await session.assertUndecided(address);
    },
  },
  {
    title: 'refuses, after a refusal, nothing that is right now',
    run: async (session) => {
      const address = session.address();
      const writer = await session.commits(insert(session.key(), write('old')));
      const refused = await session.commit([replace(session.key(), '9.x')], address);
      assert.equal(refused.status, 'conflict');

      const item = replace(session.key(), `1.${writer}`, counted('1'));
      const reply = await session.commit([item], address);

      assert.equal(reply.status, 'committed');
    },
  },
];
