import assert from 'node:assert/strict';
import { insert, type ContractCase } from './contract-session.js';
import {
  announced,
  assertHead,
  assertKeptUntilRetired,
  awaitingDecider,
  BRANCHES,
  commitAnnounced,
  conclude,
  EXPIRED_MS,
  FORGOTTEN_MS,
  RECORDED,
  recordOf,
  redoOf,
} from './pending-records.js';

const OUTCOMES = ['committed', 'rolled_back'] as const;

export const CONCLUDE_CONTRACT: readonly ContractCase[] = [
  {
    title: 'rolls back by a fence what was announced, and keeps what it tells',
    run: async (session) => {
      const address = await announced(session, { redo: redoOf(session) });

      assert.equal(await session.store.fence(address, session.until), 'rolled_back');

      const record = { ...RECORDED, status: 'rolled_back', redo: redoOf(session) };
      assert.deepEqual(await recordOf(session, address), record);
      assert.equal(await session.store.outcome(address, session.until), 'rolled_back');
      assert.equal(await session.store.fence(address, session.until), 'rolled_back');
      await assertHead(session, address, 'rolled_back');
    },
  },
  {
    title: 'keeps what a fence has rolled back until it is retired, if it has branches',
    run: async (session) => {
      const address = await announced(session, {}, session.address(1000));
      assert.equal(await session.store.fence(address, session.until), 'rolled_back');

      await assertKeptUntilRetired(session, address, 'rolled_back');
    },
  },
  {
    title: 'lets expire what a fence has rolled back, if it has no branches',
    run: async (session) => {
      const address = await announced(session, { branches: [] }, session.address(1000));
      assert.equal(await session.store.fence(address, session.until), 'rolled_back');

      await session.passing(
        1000 + EXPIRED_MS,
        async () => (await session.store.outcome(address, session.until)) === 'expired',
      );
    },
  },
  {
    title: 'leaves to its decider what waits for one, and says so to a fence',
    run: async (session) => {
      const address = await awaitingDecider(session);
      const before = await recordOf(session, address);

      assert.equal(await session.store.fence(address, session.until), 'pending');

      assert.deepEqual(await recordOf(session, address), before);
      assert.equal(await session.store.outcome(address, session.until), 'undecided');
    },
  },
  ...(OUTCOMES.map((outcome) => ({
    title: `concludes as ${outcome} what waits for its decider, once`,
    run: async (session) => {
      const address = await awaitingDecider(session);
      const other = OUTCOMES.find((one) => one !== outcome)!;

      assert.equal(await conclude(session, address, outcome), outcome);

      const record = { status: outcome, decider: undefined, redo: redoOf(session) };
      assert.deepEqual(await recordOf(session, address), { ...record, branches: BRANCHES });
      assert.equal(await session.store.outcome(address, session.until), outcome);
      await assertHead(session, address, outcome);
      assert.equal(await conclude(session, address, outcome), outcome);
      assert.equal(await conclude(session, address, other), outcome);
      assert.equal(await session.store.fence(address, session.until), outcome);
      const reply = await commitAnnounced(session, [insert(session.key())], address);
      assert.equal(reply.status, outcome);
      await session.assertAbsent();
    },
  })) satisfies ContractCase[]),
  ...(OUTCOMES.map((outcome) => ({
    title: `keeps what was concluded as ${outcome} until it is retired`,
    run: async (session) => {
      const address = await awaitingDecider(session, session.address(1000));
      assert.equal(await conclude(session, address, outcome), outcome);

      await assertKeptUntilRetired(session, address, outcome);
    },
  })) satisfies ContractCase[]),
  {
    title: 'concludes nothing of what has no decider, and leaves it as it is',
    run: async (session) => {
      const address = await announced(session);

      for (const outcome of OUTCOMES) {
        await assert.rejects(conclude(session, address, outcome), {
          name: 'InvariantViolationError',
        });
      }

      assert.deepEqual(await recordOf(session, address), { ...RECORDED, status: 'pending' });
    },
  },
  {
    title: 'concludes nothing of what is decided already, and says what was',
    run: async (session) => {
      const [committed, rolledBack] = [session.address(), session.address()];
      await session.commit([insert(session.key())], committed);
      await session.store.fence(rolledBack, session.until);

      for (const outcome of OUTCOMES) {
        assert.equal(await conclude(session, committed, outcome), 'committed');
        assert.equal(await conclude(session, rolledBack, outcome), 'rolled_back');
      }
    },
  },
  {
    title: 'has forgotten what nothing is recorded of, whatever is to be concluded',
    run: async (session) => {
      for (const address of [session.address(), session.address(-FORGOTTEN_MS)]) {
        for (const outcome of OUTCOMES) {
          assert.equal(await conclude(session, address, outcome), 'forgotten');
        }
        assert.equal(await recordOf(session, address), undefined);
      }
    },
  },
];
