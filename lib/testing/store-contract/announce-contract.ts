import assert from 'node:assert/strict';
import { insert, type ContractCase } from './contract-session.js';
import {
  announce,
  announced,
  assertHead,
  awaitingDecider,
  BRANCHES,
  conclude,
  EXPIRED_MS,
  RECORDED,
  recordOf,
  redoOf,
  untilOthersExpire,
} from './pending-records.js';

export const ANNOUNCE_CONTRACT: readonly ContractCase[] = [
  {
    title: 'tells what was announced, and that it is undecided',
    run: async (session) => {
      const address = await announced(session);

      assert.deepEqual(await recordOf(session, address), { ...RECORDED, status: 'pending' });
      assert.equal(await session.store.outcome(address, session.until), 'undecided');
      await assertHead(session, address, 'pending');
    },
  },
  {
    title: 'tells who decides what was announced, and what becomes of it',
    run: async (session) => {
      const address = await awaitingDecider(session);

      const record = { status: 'pending', decider: 'orders', redo: redoOf(session) };
      assert.deepEqual(await recordOf(session, address), { ...record, branches: BRANCHES });
      assert.equal(await session.store.outcome(address, session.until), 'undecided');
      await assertHead(session, address, 'pending@orders');
    },
  },
  {
    title: 'lets an announcement with a redo replace one without, and never the other way round',
    run: async (session) => {
      const address = await announced(session);
      await awaitingDecider(session, address);
      const later = await recordOf(session, address);
      assert.equal(later?.decider, 'orders');

      await announced(session, {}, address);
      await awaitingDecider(session, address);

      assert.deepEqual(await recordOf(session, address), later);
    },
  },
  {
    title: 'takes an announcement that arrives again for what it is',
    run: async (session) => {
      const address = await announced(session);

      await announced(session, {}, address);

      assert.deepEqual(await recordOf(session, address), { ...RECORDED, status: 'pending' });
    },
  },
  {
    title: 'refuses to announce what is decided, past the deadline too',
    run: async (session) => {
      const [committed, rolledBack, late] = [
        session.address(),
        session.address(),
        session.address(-50),
      ];
      await session.commit([insert(session.key())], committed);
      await session.store.fence(rolledBack, session.until);
      await session.store.fence(late, session.until);

      for (const members of [{}, { decider: 'orders', redo: redoOf(session) }]) {
        assert.deepEqual(await announce(session, committed, members), { status: 'committed' });
        assert.deepEqual(await announce(session, rolledBack, members), { status: 'rolled_back' });
        assert.deepEqual(await announce(session, late, members), { status: 'rolled_back' });
      }
      assert.deepEqual((await recordOf(session, rolledBack))?.branches, []);
      assert.equal(await session.store.outcome(committed, session.until), 'committed');
    },
  },
  {
    title: 'refuses to announce what is past its deadline, or has one too far off, with its time',
    run: async (session) => {
      for (const deadlineInMs of [-50, -EXPIRED_MS, 3_600_000]) {
        const address = session.address(deadlineInMs);

        const reply = await announce(session, address);

        assert(reply.status === 'deadline', reply.status);
        const now = session.store.toNodeTime(session.clock.now(), address.home);
        assert(Math.abs(reply.nodeTimeMs - now) < 1000);
        assert.equal(await recordOf(session, address), undefined);
      }
    },
  },
  {
    title: 'keeps what was announced for ever, and undecided',
    run: async (session) => {
      const [plain, waiting] = [session.address(1000), session.address(1000)];
      await announced(session, {}, plain);
      await awaitingDecider(session, waiting);

      await untilOthersExpire(session, 1000);

      for (const address of [plain, waiting]) {
        assert.equal(await session.store.outcome(address, session.until), 'undecided');
        assert.equal((await recordOf(session, address))?.status, 'pending');
      }
      assert.equal(await session.store.fence(plain, session.until), 'rolled_back');
      assert.equal(await conclude(session, waiting, 'committed'), 'committed');
    },
  },
  {
    title: 'has one name for ever, of letters and digits',
    run: async (session) => {
      const names = await Promise.all(
        Array.from({ length: 3 }, () => session.store.identity(session.until)),
      );

      assert.match(names[0]!, /^[0-9A-Za-z]{8,16}$/);
      assert.equal(new Set([...names, await session.store.identity(session.until)]).size, 1);
    },
  },
];
