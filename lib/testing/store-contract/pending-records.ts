import assert from 'node:assert/strict';
import { recordKeyOf, type TransactionAddress } from '../../store/transaction-address.js';
import type {
  AnnounceReply,
  CommitItem,
  FencedOutcome,
  HeldItem,
  OnePhaseCommit,
  OnePhaseReply,
  PendingTransaction,
  RecordedBranch,
  TransactionRecord,
} from '../../store/versioned-store.js';
import { CONTRACT_LIFETIME, write, type ContractSession } from './contract-session.js';

export const FORGOTTEN_MS = CONTRACT_LIFETIME.marginMs + 50;
export const EXPIRED_MS = CONTRACT_LIFETIME.marginMs + CONTRACT_LIFETIME.retentionMs + 50;

/** With a payload that a store could take for something else, and without one. */
export const BRANCHES: readonly RecordedBranch[] = [
  { participant: 'orders', number: 1, payload: undefined },
  { participant: 'stock', number: 2, payload: { xid: '|"branches":[\\', left: [null, 0.5, '😀'] } },
];

/** What `record` tells of a transaction with these branches. */
export const RECORDED = { decider: undefined, redo: [], branches: BRANCHES };

type Members = Partial<Omit<PendingTransaction, 'address'>>;

export function redoOf(session: ContractSession): readonly HeldItem[] {
  const held = '3.writer*holder@0@99';
  return [
    { key: session.key('redo'), held, change: write('{"a":"|"}', { counters: '1' }) },
    { key: session.key('gone'), held, change: { kind: 'delete' } },
  ];
}

export function announce(
  session: ContractSession,
  address: TransactionAddress,
  members: Members = {},
): Promise<AnnounceReply> {
  const none = { decider: undefined, branches: BRANCHES, redo: undefined };
  const pending = { record: '"name":"contract"', ...none, ...members, address };
  return session.store.announce(pending, session.until);
}

/** Announces what has to be accepted. */
export async function announced(
  session: ContractSession,
  members: Members = {},
  address = session.address(),
): Promise<TransactionAddress> {
  assert.deepEqual(await announce(session, address, members), { status: 'announced' });
  return address;
}

/** Announces what waits for `orders` to decide. */
export function awaitingDecider(
  session: ContractSession,
  address = session.address(),
): Promise<TransactionAddress> {
  return announced(session, { decider: 'orders', redo: redoOf(session) }, address);
}

export function commitAnnounced(
  session: ContractSession,
  items: readonly CommitItem[],
  address: TransactionAddress,
  more: Partial<OnePhaseCommit> = {},
): Promise<OnePhaseReply> {
  const commit = {
    ...session.commitOf(session.beside(items), address),
    branches: BRANCHES,
    announced: true,
  };
  return session.store.commitOnePhase({ ...commit, ...more }, session.until);
}

export function conclude(
  session: ContractSession,
  address: TransactionAddress,
  outcome: 'committed' | 'rolled_back',
): Promise<FencedOutcome> {
  return session.store.conclude(address, outcome, session.until);
}

export function recordOf(
  session: ContractSession,
  address: TransactionAddress,
): Promise<TransactionRecord | undefined> {
  return session.store.record(address, session.until);
}

/** The text of a record without what it tells, checked where it can be seen. */
export async function assertHead(
  session: ContractSession,
  address: TransactionAddress,
  head: string,
): Promise<void> {
  if (!session.seesRaw) return;
  const raw = (await session.raw(recordKeyOf(address))) ?? '';
  assert.equal(raw.slice(0, raw.indexOf('|')), head);
}

/** Waits until records of the same deadline that are not kept have expired. */
export async function untilOthersExpire(
  session: ContractSession,
  deadlineInMs: number,
): Promise<void> {
  const witness = session.address(deadlineInMs);
  assert.equal(await session.store.fence(witness, session.until), 'rolled_back');
  await session.passing(
    deadlineInMs + EXPIRED_MS,
    async () => (await session.store.outcome(witness, session.until)) === 'expired',
  );
}

/** From when it is retired, it expires like any other. */
export async function assertKeptUntilRetired(
  session: ContractSession,
  address: TransactionAddress,
  outcome: 'committed' | 'rolled_back',
): Promise<void> {
  await untilOthersExpire(session, 1000);
  const outcomeNow = () => session.store.outcome(address, session.until);
  assert.equal(await outcomeNow(), outcome);
  await session.store.retire(address, session.until);
  assert.equal(await outcomeNow(), outcome);
  await session.passing(EXPIRED_MS, async () => (await outcomeNow()) === 'expired');
  assert.equal(await recordOf(session, address), undefined);
}
