import assert from 'node:assert/strict';
import { printLock } from '../../store/lock.js';
import { printAddress } from '../../store/transaction-address.js';
import type { CommitItem, ItemRefusal } from '../../store/versioned-store.js';
import {
  blind,
  counted,
  held,
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
import { assertEveryChange, holdEveryChange } from './every-change.js';

const HOLDER = { id: 'holder', home: '0', deadlineAtMs: 99 };
const UNHELD = '4.writer|1|{}';

/** What stands instead of what a transaction holds; `own` is the lock it had. */
type Stands = (own: string) => string | undefined;
const REFUSALS: readonly (readonly [string, Stands, ItemRefusal])[] = [
  ['nobody holds any more', () => UNHELD, { status: 'conflict', index: 1, found: '4.writer' }],
  ['is gone', () => undefined, { status: 'conflict', index: 1, found: '0' }],
  [
    'another transaction holds',
    () => `4.writer*${printLock({ address: HOLDER, marked: false, expiresAtMs: undefined })}|1|{}`,
    { status: 'locked', index: 1, found: '4.writer' },
  ],
  [
    'another transaction inserts',
    () => `0.1767225600000000*${printAddress(HOLDER)}||`,
    { status: 'locked', index: 1, found: '0' },
  ],
  [
    'it holds at another version',
    (own) => `5.writer*${own}|1|{}`,
    { status: 'locked', index: 1, found: '5.writer' },
  ],
  [
    'it holds at the same version, but marked',
    (own) => `4.writer*${own}!|1|{}`,
    { status: 'locked', index: 1, found: '4.writer' },
  ],
  ['is a foreign value now', () => 'foreign', { status: 'foreign', index: 1 }],
];

async function refusesHeld(
  session: ContractSession,
  stands: Stands,
  refusal: ItemRefusal,
): Promise<void> {
  const [before, key] = [session.key('before'), session.key()];
  const address = session.address();
  const lock = printAddress(address);
  const text = stands(lock);
  if (text !== undefined) await session.setForeign(key, text);
  const { change: added } = increment(key, [step(1)]);
  const changes = [write('new'), { kind: 'delete' }, added, undefined] as const;
  for (const change of changes) {
    const item = { key, expected: undefined, held: `4.writer*${lock}`, change };

    const reply = await session.commit([insert(before), item], address);

    assert.deepEqual(reply, refusal);
    assert.equal(await session.read(before), undefined);
    if (session.seesRaw) assert.equal(await session.raw(key), text);
  }
  await session.assertUndecided(address);
}

const WITHOUT_HELD: readonly (readonly [string, (key: string, version: string) => CommitItem])[] = [
  ['a read', seen],
  ['a write', (key, version) => replace(key, version)],
  ['a blind write', (key) => blind(key)],
  ['a deletion', remove],
  ['an increment', (key) => increment(key, [step(1)])],
];

export const DECIDE_CONTRACT: readonly ContractCase[] = [
  ...(WITHOUT_HELD.map(([what, itemOf]) => ({
    title: `refuses ${what} in one phase while the item is held, by whomever`,
    oneStep: true,
    run: async (session) => {
      const [key, absent] = [session.key(), session.key('absent')];
      const version = `1.${await session.commits(insert(key, counted('1')))}`;
      const address = session.address();
      await session.holds(address, blind(key), insert(absent));

      for (const committer of [session.address(), address]) {
        const reply = await session.commit([itemOf(key, version)], committer);
        assert.deepEqual(reply, { status: 'locked', index: 0, found: version });
        const placeholder = await session.commit([itemOf(absent, '0')], committer);
        assert.deepEqual(placeholder, { status: 'locked', index: 0, found: '0' });
        await session.assertUndecided(committer);
      }
    },
  })) satisfies ContractCase[]),
  {
    title: 'commits what is held together with what is not, and leaves no lock',
    run: async (session) => {
      const [beside, read] = [session.key('beside'), session.key('read')];
      const items = [insert(beside, counted('5')), insert(read, counted('5'))];
      const version = `1.${await session.commits(...items)}`;
      const { address, held: holding } = await holdEveryChange(session);

      const unheld = [seen(read, version), replace(beside, version, write('new'))];
      const reply = await session.commit([...holding.map(held), ...unheld], address);

      assert.equal(reply.status, 'committed');
      await assertEveryChange(session, address);
      const written = { kind: 'item', version: `2.${address.id}`, lock: undefined };
      assert.deepEqual(await session.read(beside), { ...written, counters: '', payload: 'new' });
      assert.equal((await session.item(read)).version, version);
    },
  },
  {
    title: 'commits beside what is held and only read, which stays held and as it is',
    oneStep: true,
    run: async (session) => {
      const [read, absent, beside] = ['read', 'absent', 'beside'].map((name) =>
        session.key(name),
      ) as [string, string, string];
      const writer = await session.commits(insert(read, counted('5')));
      const address = session.address();
      const holding = await session.holds(address, blind(read), insert(absent));

      const reads = holding.map((item) => ({ ...held(item), change: undefined }));
      const reply = await session.commit([...reads, insert(beside)], address);

      assert.equal(reply.status, 'committed');
      const { version, lock, payload } = await session.item(read);
      assert.deepEqual([version, payload], [`1.${writer}`, counted('5').payload]);
      assert(lock !== undefined, 'The lock is gone.');
      await session.release(address, read, absent);
      assert.equal((await session.item(read)).lock, undefined);
      assert.equal(await session.read(absent), undefined);
    },
  },
  {
    title: 'commits a held item though it would have expired, with the time to live it is given',
    run: async (session) => {
      const ttlMs = 700;
      const [short, forever, witness] = ['short', 'forever', 'witness'].map((name) =>
        session.key(name),
      ) as [string, string, string];
      await session.commits(
        insert(short, counted('1', ttlMs)),
        insert(forever, counted('1', ttlMs)),
      );
      const address = session.address();
      const items = [increment(short, [step(1)], ttlMs), increment(forever, [step(1)])];
      const holding = await session.holds(address, ...items);
      await session.commits(insert(witness, counted('1', ttlMs)));
      await session.passing(ttlMs, async () => (await session.read(witness)) === undefined);

      assert.equal((await session.commit(holding.map(held), address)).status, 'committed');

      assert.equal((await session.item(short)).counters, '2');
      await session.passing(ttlMs, async () => (await session.read(short)) === undefined);
      assert.equal((await session.item(forever)).counters, '2');
    },
  },
  ...(REFUSALS.map(([what, stands, refusal]) => ({
    title: `does not commit over what ${what}, and writes nothing`,
    oneStep: true,
    run: (session) => refusesHeld(session, stands, refusal),
  })) satisfies ContractCase[]),
  {
    title: 'checks the bounds of an increment of a held item on what is stored',
    oneStep: true,
    run: async (session) => {
      await session.commits(insert(session.key(), counted('5')));
      const address = session.address();
      const [item] = await session.holds(address, increment(session.key(), [step(-5, { min: 0 })]));
      const { change } = increment(session.key(), [step(-5, { min: 0 }), step(-1, { min: 0 })]);

      const reply = await session.commit([held({ ...item!, change: change! })], address);

      assert.deepEqual(reply, { status: 'bound', index: 0, increment: 1, value: 0 });
      assert.equal((await session.item()).lock, printAddress(address));
    },
  },
];
