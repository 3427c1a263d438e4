import assert from 'node:assert/strict';
import { printAddress } from '../../store/transaction-address.js';
import type { AppliedStatus, CommitItem, HeldItem } from '../../store/versioned-store.js';
import {
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
import { assertEveryChange, holdEveryChange } from './every-change.js';

const OTHER = 'holder@0@99';

/** What stands instead of a held item; `id` is that of the transaction. */
interface Meeting {
  readonly what: string;
  readonly stands: (id: string) => string | undefined;
  readonly written: AppliedStatus;
  readonly deleted: AppliedStatus;
}

const MEETINGS: readonly Meeting[] = [
  { what: 'nothing', stands: () => undefined, written: 'passed', deleted: 'applied' },
  { what: 'a foreign value', stands: () => 'foreign', written: 'passed', deleted: 'passed' },
  {
    what: 'the item as it was, held by nobody',
    stands: () => '3.writer|1|{}',
    written: 'passed',
    deleted: 'passed',
  },
  {
    what: 'the item as it was, held by another',
    stands: () => `3.writer*${OTHER}|1|{}`,
    written: 'passed',
    deleted: 'passed',
  },
  {
    what: 'a placeholder of another',
    stands: () => `0.1767225600000000*${OTHER}||`,
    written: 'passed',
    deleted: 'passed',
  },
  {
    what: 'its own version',
    stands: (id) => `4.${id}|1|{}`,
    written: 'applied',
    deleted: 'applied',
  },
  {
    what: 'its own version, held by another',
    stands: (id) => `4.${id}*${OTHER}!|1|{}`,
    written: 'applied',
    deleted: 'applied',
  },
  {
    what: 'a version of another',
    stands: (id) => `4.${id}-2|1|{}`,
    written: 'passed',
    deleted: 'passed',
  },
];

async function meets(session: ContractSession, meeting: Meeting): Promise<void> {
  const key = session.key();
  const address = session.address();
  const text = meeting.stands(address.id);
  if (text !== undefined) await session.setForeign(key, text);
  const change = increment(key, [step(1)]).change!;
  const cases: readonly (readonly [HeldItem['change'], AppliedStatus])[] = [
    [write('new'), meeting.written],
    [change, meeting.written],
    [{ kind: 'delete' }, meeting.deleted],
  ];
  for (const [attempted, status] of cases) {
    const held = `3.writer*${printAddress(address)}`;
    assert.deepEqual(await session.apply(address, [{ key, held, change: attempted }]), [status]);
    if (session.seesRaw) assert.equal(await session.raw(key), text);
  }
}

/** Applies twice, with a `prepare` between the two that comes too late. */
async function appliesAfterLatePrepare(
  session: ContractSession,
  item: CommitItem,
): Promise<readonly AppliedStatus[]> {
  const address = session.address();
  const held = await session.holds(address, item);
  assert.deepEqual(await session.apply(address, held), ['applied']);
  const standing = await session.item(item.key);
  const [stray] = await session.holds(address, item);
  assert(stray?.held.startsWith(`${standing.version}*${printAddress(address)}`), stray?.held);

  const again = await session.apply(address, held);

  assert.deepEqual(await session.item(item.key), standing);
  return again;
}

export const APPLY_CONTRACT: readonly ContractCase[] = [
  {
    title: 'applies every kind of change to what is held, and leaves no lock',
    run: async (session) => {
      const { address, held } = await holdEveryChange(session);

      const statuses = await session.apply(address, held);

      assert.deepEqual(statuses, Array<string>(5).fill('applied'));
      await assertEveryChange(session, address);
    },
  },
  {
    title: 'applies a second time without changing anything',
    run: async (session) => {
      const [key, deleted] = [session.key(), session.key('deleted')];
      const version = `1.${await session.commits(insert(key, counted('1')), insert(deleted))}`;
      const address = session.address();
      const items = [increment(key, [step(1)]), remove(deleted, version)];
      const held = await session.holds(address, ...items);

      const all = await Promise.all([session.apply(address, held), session.apply(address, held)]);

      assert.deepEqual(all.flat(), Array<string>(4).fill('applied'));
      assert.equal((await session.item()).counters, '2');
      await session.assertAbsent(deleted);
    },
  },
  {
    title: 'applies each item on its own, whatever has become of the others',
    run: async (session) => {
      const [first, gone, last] = ['first', 'gone', 'last'].map((name) => session.key(name)) as [
        string,
        string,
        string,
      ];
      const address = session.address();
      const held = await session.holds(address, insert(first), insert(gone), insert(last));
      await session.release(address, gone);

      assert.deepEqual(await session.apply(address, held), ['applied', 'passed', 'applied']);

      assert.equal((await session.item(first)).version, `1.${address.id}`);
      assert.equal(await session.read(gone), undefined);
      assert.equal((await session.item(last)).version, `1.${address.id}`);
    },
  },
  ...MEETINGS.map((meeting) => ({
    title: `applies nothing where it meets ${meeting.what}`,
    run: (session: ContractSession) => meets(session, meeting),
  })),
  {
    title: 'gives what it applies the time to live of the change, and none where that has none',
    run: async (session) => {
      const ttlMs = 700;
      const names = ['written', 'counted', 'forever'];
      const [written, incremented, forever] = names.map((name) => session.key(name)) as [
        string,
        string,
        string,
      ];
      await session.commits(
        insert(incremented, counted('1')),
        insert(forever, counted('1', ttlMs)),
      );
      const address = session.address();
      const held = await session.holds(
        address,
        insert(written, counted('1', ttlMs)),
        increment(incremented, [step(1)], ttlMs),
        increment(forever, [step(1)]),
      );

      await session.apply(address, held);

      assert.notEqual(await session.read(written), undefined);
      for (const key of [written, incremented]) {
        await session.passing(ttlMs, async () => (await session.read(key)) === undefined);
      }
      assert.equal((await session.item(forever)).counters, '2');
    },
  },
  {
    title: 'removes the lock of a prepare that comes after a blind write was applied',
    run: async (session) => {
      const item = blind(session.key(), write('new'));

      assert.deepEqual(await appliesAfterLatePrepare(session, item), ['applied']);
    },
  },
  {
    title: 'removes the lock of a prepare that comes after an increment was applied, and adds once',
    run: async (session) => {
      await session.commits(insert(session.key(), counted('1')));
      const item = increment(session.key(), [step(1)]);

      assert.deepEqual(await appliesAfterLatePrepare(session, item), ['applied']);
      assert.equal((await session.item()).counters, '2');
    },
  },
  {
    title: 'removes the lock of a late prepare from what somebody else has written since',
    run: async (session) => {
      const [written, deleted] = [session.key('written'), session.key('deleted')];
      const address = session.address();
      const items = [blind(written, write('mine')), blind(deleted, write('mine'))];
      const held = await session.holds(address, ...items);
      await session.apply(address, held);
      const version = `1.${address.id}`;
      const later = await session.commits(
        replace(written, version, write('later')),
        remove(deleted, version),
      );
      const [stray] = await session.holds(address, ...items);
      assert.equal(stray?.held, `2.${later}*${printAddress(address)}`);

      assert.deepEqual(await session.apply(address, held), ['passed', 'passed']);

      const { version: stands, lock, payload } = await session.item(written);
      assert.deepEqual([stands, lock, payload], [`2.${later}`, undefined, 'later']);
      await session.assertAbsent(deleted);
    },
  },
  {
    title: 'removes the lock of a late prepare, and the item goes when it would have gone',
    run: async (session) => {
      const ttlMs = 700;
      const item = blind(session.key(), counted('1', ttlMs));

      assert.deepEqual(await appliesAfterLatePrepare(session, item), ['applied']);

      await session.passing(ttlMs, async () => (await session.read()) === undefined);
    },
  },
];
