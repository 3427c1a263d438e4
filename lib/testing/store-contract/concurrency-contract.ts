import assert from 'node:assert/strict';
import type { OnePhaseReply } from '../../store/versioned-store.js';
import {
  blind,
  insert,
  replace,
  seen,
  write,
  type ContractCase,
  type ContractSession,
} from './contract-session.js';

const PARALLEL = 100;

async function inParallel(
  commit: (nth: number) => Promise<OnePhaseReply>,
): Promise<{ readonly won: number[]; readonly statuses: Set<string> }> {
  const replies = await Promise.all(Array.from({ length: PARALLEL }, (_, nth) => commit(nth)));
  const won = replies.flatMap(({ status }, nth) => (status === 'committed' ? [nth] : []));
  return { won, statuses: new Set(replies.map(toldOf)) };
}

/** Where a commit takes several steps, others meet its locks before they meet its versions. */
function toldOf({ status }: OnePhaseReply): string {
  return status === 'locked' ? 'conflict' : status;
}

async function exactlyOneWins(session: ContractSession, expected: string): Promise<void> {
  const item = (nth: number) => replace(session.key(), expected, write(String(nth)));

  const { won, statuses } = await inParallel((nth) => session.commit([item(nth)]));

  assert.equal(won.length, 1);
  assert.deepEqual(statuses, new Set(['committed', 'conflict']));
  assert.equal((await session.item()).payload, String(won[0]));
}

export const CONCURRENCY_CONTRACT: readonly ContractCase[] = [
  {
    title: `lets exactly one of ${PARALLEL} insert an item`,
    run: (session) => exactlyOneWins(session, '0'),
  },
  {
    title: `lets exactly one of ${PARALLEL} replace a version`,
    run: async (session) => {
      const writer = await session.commits(insert(session.key()));
      await exactlyOneWins(session, `1.${writer}`);
    },
  },
  {
    title: 'applies every one of many blind writes, one after the other',
    run: async (session) => {
      const { won } = await inParallel((nth) =>
        session.commit([blind(session.key(), write(String(nth)))]),
      );

      assert.equal(won.length, PARALLEL);
      assert.equal(Number.parseInt((await session.item()).version, 10), PARALLEL);
    },
  },
  {
    title: 'refuses write skew: of two that read both items and write one each, one wins',
    oneStep: true,
    run: async (session) => {
      const [a, b] = [session.key('a'), session.key('b')];
      const writer = await session.commits(insert(a), insert(b));
      const version = `1.${writer}`;

      const replies = await Promise.all([
        session.commit([replace(a, version), seen(b, version)]),
        session.commit([seen(a, version), replace(b, version)]),
      ]);

      assert.deepEqual(replies.map(({ status }) => status).toSorted(), ['committed', 'conflict']);
    },
  },
  {
    title:
      'refuses write skew over absences: of two that see nothing and insert one each, one wins',
    oneStep: true,
    run: async (session) => {
      const [a, b] = [session.key('a'), session.key('b')];

      const replies = await Promise.all([
        session.commit([insert(a), seen(b, '0')]),
        session.commit([seen(a, '0'), insert(b)]),
      ]);

      assert.deepEqual(replies.map(({ status }) => status).toSorted(), ['committed', 'conflict']);
    },
  },
  {
    title: 'judges each of many transactions at once on its own',
    run: async (session) => {
      await session.setForeign(session.key('foreign'), 'foreign');
      const late = session.address(-1000);

      const replies = await Promise.all([
        session.commit([insert(session.key('a'))]),
        session.commit([blind(session.key('foreign'))]),
        session.commit([insert(session.key('late'))], late),
        session.commit([insert(session.key('a'))]),
        session.commit([insert(session.key('b')), seen(session.key('c'), '0')]),
        session.commit([seen(session.key('d'), '9.x'), insert(session.key('e'))]),
        session.commit([insert(session.key('f'))]),
      ]);

      const statuses = replies.map(toldOf);
      assert.deepEqual(statuses.slice(1, 3), ['foreign', 'deadline']);
      assert.deepEqual(new Set([statuses[0], statuses[3]]), new Set(['committed', 'conflict']));
      assert.deepEqual(statuses.slice(4), ['committed', 'conflict', 'committed']);
      const keys = ['b', 'c', 'd', 'e', 'f', 'late'].map((name) => session.key(name));
      const { items } = await session.store.read(keys, session.until);
      const there = items.map((item) => item !== undefined);
      assert.deepEqual(there, [true, false, false, false, true, false]);
    },
  },
];
