import assert from 'node:assert/strict';
import { recordKeyOf, type TransactionAddress } from '../../store/transaction-address.js';
import type { PendingTransaction, RecordedBranch } from '../../store/versioned-store.js';
import {
  CONTRACT_LIFETIME,
  blind,
  insert,
  write,
  type ContractCase,
  type ContractSession,
} from './contract-session.js';

const EXPIRED_MS = CONTRACT_LIFETIME.marginMs + CONTRACT_LIFETIME.retentionMs + 50;

const BRANCHES: readonly RecordedBranch[] = [
  { participant: 'orders', number: 1, payload: undefined },
  { participant: 'payments', number: 2, payload: { amount: 3, note: 'a|b "c"' } },
];

function pending(
  address: TransactionAddress,
  facts: Partial<PendingTransaction> = {},
): PendingTransaction {
  return {
    address,
    record: '"name":"contract"',
    decider: undefined,
    branches: BRANCHES,
    redo: [],
    ...facts,
  };
}

async function announced(
  session: ContractSession,
  facts: Partial<PendingTransaction> = {},
  address = session.address(),
): Promise<TransactionAddress> {
  const reply = await session.store.announce(pending(address, facts), session.until);
  assert.deepEqual(reply, { status: 'announced' });
  return address;
}

function elapses(session: ContractSession, ms: number): Promise<void> {
  const end = session.clock.now() + ms;
  return session.passing(ms, async () => session.clock.now() >= end);
}

/** It is kept without a limit, until it is retired. */
async function assertRetires(session: ContractSession, address: TransactionAddress): Promise<void> {
  await elapses(session, EXPIRED_MS);
  assert.notEqual(await session.store.record(address, session.until), undefined);
  await session.store.retire(address, session.until);
  await session.passing(5000 + EXPIRED_MS, async () => {
    return (await session.store.record(address, session.until)) === undefined;
  });
}

/** Transactions that others have to find before they are decided. */
export const ANNOUNCEMENT_CONTRACT: readonly ContractCase[] = [
  {
    title: 'tells everything that was announced, again and again',
    run: async (session) => {
      const address = session.address();
      const redo = await session.holds(address, insert(session.key(), write('"new"')));
      await announced(session, { decider: 'orders', redo }, address);
      await announced(session, { decider: 'orders', redo }, address);

      const record = await session.store.record(address, session.until);

      const branches = BRANCHES;
      assert.deepEqual(record, { status: 'pending', decider: 'orders', redo, branches });
      assert.equal(await session.store.outcome(address, session.until), 'undecided');
    },
  },
  {
    title: 'refuses to announce what is decided, and what is too late',
    run: async (session) => {
      const decided = session.address();
      await session.commit([insert(session.key())], decided);
      const fenced = session.address();
      await session.store.fence(fenced, session.until);
      const announce = (address: TransactionAddress) =>
        session.store.announce(pending(address), session.until);

      assert.deepEqual(await announce(decided), { status: 'committed' });
      assert.deepEqual(await announce(fenced), { status: 'rolled_back' });
      assert.equal((await announce(session.address(-1))).status, 'deadline');
      assert.equal((await announce(session.address(10_000_000))).status, 'deadline');
    },
  },
  {
    title: 'commits what was announced, with its branches, until it is retired',
    run: async (session) => {
      const address = await announced(session);
      const commit = session.commitOf([insert(session.key())], address);

      const reply = await session.store.commitOnePhase(
        { ...commit, branches: BRANCHES, announced: true },
        session.until,
      );

      assert.equal(reply.status, 'committed');
      const record = await session.store.record(address, session.until);
      assert.deepEqual([record?.status, record?.branches], ['committed', BRANCHES]);
      await assertRetires(session, address);
    },
  },
  {
    title: 'refuses to commit what is announced no more, or waits for a participant',
    run: async (session) => {
      const gone = session.address();
      const commit = { ...session.commitOf([blind(session.key())], gone), announced: true };
      assert.deepEqual(await session.store.commitOnePhase(commit, session.until), {
        status: 'rolled_back',
      });
      const fenced = await announced(session);
      await session.store.fence(fenced, session.until);
      const late = { ...session.commitOf([blind(session.key())], fenced), announced: true };
      assert.deepEqual(await session.store.commitOnePhase(late, session.until), {
        status: 'rolled_back',
      });
      const waiting = await announced(session, { decider: 'orders' });
      const early = { ...session.commitOf([blind(session.key())], waiting), announced: true };
      await assert.rejects(session.store.commitOnePhase(early, session.until));
      assert.equal(await session.read(), undefined);
    },
  },
  {
    title: 'fences what was announced, and keeps its branches until it is retired',
    run: async (session) => {
      const address = await announced(session);

      assert.equal(await session.store.fence(address, session.until), 'rolled_back');

      const record = await session.store.record(address, session.until);
      assert.deepEqual([record?.status, record?.branches], ['rolled_back', BRANCHES]);
      assert.equal(await session.store.outcome(address, session.until), 'rolled_back');
      await assertRetires(session, address);
    },
  },
  {
    title: 'leaves to its participant what waits for it, however late',
    run: async (session) => {
      const address = await announced(session, { decider: 'orders' }, session.address(100));
      await elapses(session, 100 + EXPIRED_MS);

      assert.equal(await session.store.fence(address, session.until), 'pending');
      assert.equal(await session.store.outcome(address, session.until), 'undecided');
      assert.equal((await session.store.record(address, session.until))?.status, 'pending');
    },
  },
  ...(['committed', 'rolled_back'] as const).map((outcome): ContractCase => ({
    title: `records once and for all that its participant has decided: ${outcome}`,
    run: async (session) => {
      const address = session.address(100);
      const redo = await session.holds(address, insert(session.key()));
      await announced(session, { decider: 'orders', redo }, address);
      const other = outcome === 'committed' ? 'rolled_back' : 'committed';
      const conclude = (what: typeof outcome) =>
        session.store.conclude(address, what, session.until);

      assert.equal(await conclude(outcome), outcome);
      assert.equal(await conclude(other), outcome);

      assert.equal(await session.store.fence(address, session.until), outcome);
      const record = await session.store.record(address, session.until);
      assert.deepEqual([record?.status, record?.redo], [outcome, redo]);
      await assertRetires(session, address);
    },
  })),
  {
    title: 'concludes nothing where no participant decides',
    run: async (session) => {
      const absent = session.address();
      assert.equal(await session.store.conclude(absent, 'committed', session.until), 'forgotten');
      const address = await announced(session);
      await assert.rejects(session.store.conclude(address, 'committed', session.until));
      assert.equal((await session.store.record(address, session.until))?.status, 'pending');
      if (session.seesRaw) assert.equal(await session.raw(recordKeyOf(absent)), undefined);
    },
  },
  {
    title: 'has a name that stays',
    run: async (session) => {
      const names = await Promise.all([1, 2].map(() => session.store.identity(session.until)));

      assert.match(names[0]!, /^[0-9A-Za-z]{8,16}$/);
      assert.equal(names[1], names[0]);
    },
  },
];
