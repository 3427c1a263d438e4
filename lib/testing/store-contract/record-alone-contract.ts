import assert from 'node:assert/strict';
import { insert, write, type ContractCase, type ContractSession } from './contract-session.js';
import { announced, BRANCHES, commitAnnounced, recordOf } from './pending-records.js';
import type { TransactionAddress } from '../../store/transaction-address.js';
import type { HeldItem } from '../../store/versioned-store.js';

async function holding(
  session: ContractSession,
): Promise<{ readonly address: TransactionAddress; readonly redo: readonly HeldItem[] }> {
  const address = await announced(session);
  const redo = await session.holds(address, insert(session.key(), write('new')));
  return { address, redo };
}

/** Of stores whose deciding step covers no item: the record comes first, and an absent one means refused. */
export const RECORD_ALONE_CONTRACT: readonly ContractCase[] = [
  {
    title: 'has records on nodes of no item',
    run: async (session) => {
      const { store } = session;
      const address = session.address();

      assert.notEqual(store.recordNodeOf(address), store.nodeOf(session.key()));
      assert.equal(store.announcesFirst(address), true);
      assert.equal(store.spansNodes, true);
    },
  },
  {
    title: 'takes no step over a record and items',
    run: async (session) => {
      const address = await announced(session);

      const commit = session.commitOf([insert(session.key())], address);
      const reply = session.store.commitOnePhase({ ...commit, announced: true }, session.until);

      await assert.rejects(reply, { name: 'InvariantViolationError' });
    },
  },
  {
    title: 'decides what was announced, once, and tells what is left to do',
    run: async (session) => {
      const { address, redo } = await holding(session);

      for (let nth = 0; nth < 2; nth++) {
        const reply = await commitAnnounced(session, [], address, { redo });
        assert.equal(reply.status, 'committed');
      }

      const record = await recordOf(session, address);
      assert.deepEqual([record?.status, record?.redo], ['committed', redo]);
      assert.deepEqual(record?.branches, BRANCHES);
      assert.deepEqual(await session.apply(address, redo), ['applied']);
      assert.equal((await session.item()).version, `1.${address.id}`);
    },
  },
  {
    title: 'refuses what was fenced, and what was never announced',
    run: async (session) => {
      const { address, redo } = await holding(session);
      assert.equal(await session.store.fence(address, session.until), 'rolled_back');
      const never = session.address();

      for (const one of [address, never]) {
        const reply = await commitAnnounced(session, [], one, { redo });
        assert.deepEqual(reply, { status: 'rolled_back' });
      }

      assert.equal(await recordOf(session, never), undefined);
    },
  },
  {
    title: 'decides between a commit and a fence once, and says so to both',
    run: async (session) => {
      for (let round = 0; round < 20; round++) {
        const address = await announced(session);
        const steps = [
          () => commitAnnounced(session, [], address).then(({ status }) => status),
          () => session.store.fence(address, session.until),
        ];
        if (round % 2 === 0) steps.reverse();

        const answers = await Promise.all(steps.map((step) => step()));

        assert.equal(new Set(answers).size, 1, `The answers were ${answers.join(' and ')}.`);
      }
    },
  },
  {
    title: 'records what only read and was never announced',
    run: async (session) => {
      const address = session.address();
      const commit = session.commitOf([], address);

      const reply = await session.store.commitOnePhase(commit, session.until);

      assert.equal(reply.status, 'committed');
      assert.equal(await session.store.outcome(address, session.until), 'committed');
    },
  },
];
