import assert from 'node:assert/strict';
import { printAddress } from '../../store/transaction-address.js';
import { absenceBy, ANY_ABSENCE } from '../../store/version.js';
import type { CommitItem, ItemRefusal } from '../../store/versioned-store.js';
import { ManualClock } from '../manual-clock.js';
import {
  adopt,
  blind,
  CONTRACT_LIFETIME,
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

/** What a transaction `writer` has left that deleted the item. */
const TOMBSTONE = '0.writer||';
const HOLDER = 'holder@0@99';

type ItemOf = (key: string) => CommitItem;

/** What may be done where a tombstone stands, as if nothing did. */
const PASSING: readonly (readonly [string, ItemOf])[] = [
  ['an insert of what was not read', (key) => insert(key)],
  ['a write over the absence that was read', (key) => replace(key, '0.writer')],
  ['a blind write', (key) => blind(key)],
];

/** What is refused there in one phase and in two. */
const REFUSED: readonly (readonly [string, ItemOf, ItemRefusal])[] = [
  ['a write over an absence before it', (key) => replace(key, '0'), conflict('0.writer')],
  ['a write over another absence', (key) => replace(key, '0.writer-2'), conflict('0.writer')],
  ['a write over an item', (key) => replace(key, '1.writer'), conflict('0.writer')],
  ['a deletion of an item', (key) => remove(key, '1.writer'), conflict('0.writer')],
  ['an adoption', (key) => adopt(key, 'old'), conflict('0.writer')],
  ['an increment', (key) => increment(key, [step(1)]), { status: 'absent', index: 0 }],
];

const READ: readonly (readonly [string, ItemOf, ItemRefusal])[] = [
  ['a read of an absence before it', (key) => seen(key, '0'), conflict('0.writer')],
  ['a read of another absence', (key) => seen(key, '0.write'), conflict('0.writer')],
  ['a read of an item', (key) => seen(key, '1.writer'), conflict('0.writer')],
];

function conflict(found: string): ItemRefusal {
  return { status: 'conflict', index: 0, found };
}

/** A deletion in one phase, then one in two: what each left, and who deleted. */
async function deletions(session: ContractSession): Promise<readonly [string, string][]> {
  const [one, two] = [session.key('one'), session.key('two')];
  const version = `1.${await session.commits(insert(one), insert(two))}`;
  const first = await session.commits(remove(one, version));
  const address = session.address();
  await session.apply(address, await session.holds(address, remove(two, version)));
  return [
    [one, first],
    [two, address.id],
  ];
}

export const ABSENCE_CONTRACT: readonly ContractCase[] = [
  {
    title: 'gives each deletion a version, on a store that spans nodes',
    run: async (session) => {
      for (const [key, writer] of await deletions(session)) {
        const version = (await session.versionOf(key)) ?? '0';
        assert.equal(version, session.store.spansNodes ? absenceBy(writer) : '0');
        await session.commits(seen(key, version));
      }
    },
  },
  {
    title: 'forgets a deletion when whoever saw the absence before is over',
    run: async (session) => {
      if (!(session.clock instanceof ManualClock)) return;
      const left = await deletions(session);
      await session.clock.advance(CONTRACT_LIFETIME.longestTimeoutMs);
      for (const [key, writer] of left) {
        const expected = session.store.spansNodes ? absenceBy(writer) : undefined;
        assert.equal(await session.versionOf(key), expected);
      }
      await session.clock.advance(CONTRACT_LIFETIME.marginMs);
      for (const [key] of left) assert.equal(await session.versionOf(key), undefined);
    },
  },
  ...PASSING.flatMap(([what, itemOf]): ContractCase[] => [
    {
      title: `commits ${what} where a tombstone stands`,
      run: async (session) => {
        await session.setForeign(session.key(), TOMBSTONE);
        const writer = await session.commits(itemOf(session.key()));
        assert.equal((await session.item()).version, `1.${writer}`);
      },
    },
    {
      title: `holds and applies ${what} where a tombstone stands`,
      run: async (session) => {
        await session.setForeign(session.key(), TOMBSTONE);
        const address = session.address();
        const held = await session.holds(address, itemOf(session.key()));
        assert.equal(held[0]?.held, `0.writer*${printAddress(address)}`);
        assert.deepEqual(await session.apply(address, held), ['applied']);
        assert.equal((await session.item()).version, `1.${address.id}`);
      },
    },
  ]),
  {
    title: 'commits a read of the absence that a tombstone tells of',
    run: async (session) => {
      await session.setForeign(session.key(), TOMBSTONE);
      await session.commits(seen(session.key(), '0.writer'));
      assert.equal(await session.versionOf(), '0.writer');
    },
  },
  {
    title: 'commits an insert that expects any absence, where nothing stands',
    run: async (session) => {
      const writer = await session.commits(replace(session.key(), ANY_ABSENCE, write('new')));
      assert.equal((await session.item()).version, `1.${writer}`);
    },
  },
  ...[...REFUSED, ...READ].map(([what, itemOf, refusal]): ContractCase => ({
    title: `refuses ${what} where a tombstone stands`,
    run: async (session) => {
      await session.setForeign(session.key(), TOMBSTONE);
      assert.deepEqual(await session.commit([itemOf(session.key())]), refusal);
      if (session.seesRaw) assert.equal(await session.raw(session.key()), TOMBSTONE);
    },
  })),
  ...REFUSED.map(([what, itemOf, refusal]): ContractCase => ({
    title: `does not prepare ${what} where a tombstone stands`,
    run: async (session) => {
      await session.setForeign(session.key(), TOMBSTONE);
      assert.deepEqual(await session.prepare([itemOf(session.key())]), refusal);
      if (session.seesRaw) assert.equal(await session.raw(session.key()), TOMBSTONE);
    },
  })),
  {
    title: 'leaves a tombstone as it was where a lock on it is released',
    run: async (session) => {
      await session.setForeign(session.key(), TOMBSTONE);
      const address = session.address();
      await session.holds(address, insert(session.key()));
      await session.release(address, session.key());
      assert.equal(await session.versionOf(), '0.writer');
      assert.equal((await session.item()).lock, undefined);
    },
  },
  {
    title: 'refuses whatever meets a tombstone under a lock',
    run: async (session) => {
      await session.setForeign(session.key(), `0.writer*${HOLDER}||`);
      const refusal: ItemRefusal = { status: 'locked', index: 0, found: '0.writer' };
      for (const [, itemOf] of PASSING) {
        assert.deepEqual(await session.commit([itemOf(session.key())]), refusal);
        assert.deepEqual(await session.prepare([itemOf(session.key())]), refusal);
      }
    },
  },
];
