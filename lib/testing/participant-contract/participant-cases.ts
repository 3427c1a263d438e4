import assert from 'node:assert/strict';
import type { ParticipantSession } from './participant-session.js';

export interface ParticipantCase {
  readonly title: string;
  /** Only for participants that can do so. */
  readonly needs?: 'decides' | 'prepares';
  readonly run: (session: ParticipantSession) => Promise<void>;
}

export const CONTRACT: readonly ParticipantCase[] = [
  {
    title: 'commits with its transaction',
    run: async (session) => {
      await session.manager.run(() => session.work());
      await session.untilCount(1);
    },
  },
  {
    title: 'rolls back with its transaction',
    run: async (session) => {
      const error = new Error('no');
      const call = session.manager.run(async () => {
        await session.work();
        throw error;
      });
      await assert.rejects(call, (thrown) => thrown === error);
      await session.assertCount(0);
    },
  },
  {
    title: 'shows nothing of a transaction that is not committed, and rolls it back by hand',
    run: async (session) => {
      const { transaction } = await session.begin();
      await session.assertCount(0);
      await transaction.rollback();
      await session.assertCount(0);
    },
  },
  {
    title: 'finds nothing to do where a roll back is repeated, by anybody',
    run: async (session) => {
      const { branch, recorded } = await session.begin();
      await session.participant.rollback(branch, session.until);
      await session.participant.rollback(branch, session.until);
      await session.other.rollback(recorded, session.until);
      await session.assertCount(0);
    },
  },
  {
    title: 'commits what was prepared, once',
    needs: 'prepares',
    run: async (session) => {
      const { branch, recorded } = await session.begin();
      await session.participant.prepare(branch, session.until);
      await session.assertCount(0);
      await session.participant.commit(branch, session.until);
      await session.participant.commit(branch, session.until);
      await session.other.commit(recorded, session.until);
      await session.assertCount(1);
    },
  },
  {
    title: 'rolls back what was prepared',
    needs: 'prepares',
    run: async (session) => {
      const { branch } = await session.begin();
      await session.participant.prepare(branch, session.until);
      await session.participant.rollback(branch, session.until);
      await session.assertCount(0);
    },
  },
  {
    title: 'refuses to prepare what was rolled back',
    needs: 'prepares',
    run: async (session) => {
      const { branch } = await session.begin();
      await session.participant.rollback(branch, session.until);
      await assert.rejects(session.participant.prepare(branch, session.until));
      await session.assertCount(0);
    },
  },
  {
    title:
      'recovers what its process left prepared, once that is decided, and nothing of other caches',
    needs: 'prepares',
    run: async (session) => {
      if (session.participant.recover === undefined) return;
      const { branch } = await session.begin();
      await session.participant.prepare(branch, session.until);
      await session.participant.recover(session.recovery(branch, 'undecided'));
      await session.participant.recover(session.recovery(branch, 'committed', 'othercache12'));
      await session.assertCount(0);
      await session.participant.recover(session.recovery(branch, 'committed'));
      await session.participant.commit(branch, session.until);
      await session.assertCount(1);
    },
  },
  {
    title: 'commits with a decision that stands for good',
    needs: 'decides',
    run: async (session) => {
      const { branch, recorded } = await session.begin();
      await session.participant.decide!(branch, session.until);
      await session.assertCount(1);
      assert.equal(await session.other.fence!(recorded, session.until), 'committed');
      assert.equal(await session.participant.fence!(branch, session.until), 'committed');
      await session.assertCount(1);
    },
  },
  {
    title: 'refuses to decide what was fenced, whoever fenced it',
    needs: 'decides',
    run: async (session) => {
      const { branch, recorded } = await session.begin();
      assert.equal(await session.other.fence!(recorded, session.until), 'rolled_back');
      await assert.rejects(session.participant.decide!(branch, session.until));
      await session.participant.rollback(branch, session.until);
      assert.equal(await session.other.fence!(recorded, session.until), 'rolled_back');
      await session.assertCount(0);
    },
  },
];
