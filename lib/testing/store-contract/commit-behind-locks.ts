import { seenVersionOf } from '../../store/lock.js';
import type { TransactionAddress } from '../../store/transaction-address.js';
import { commitCountOf, isExpected } from '../../store/version.js';
import type {
  CommitItem,
  HeldItem,
  OnePhaseReply,
  PrepareReply,
} from '../../store/versioned-store.js';
import type { ContractSession } from './contract-session.js';

/** How often a blind write is tried again while somebody holds the item. */
const PATIENCE = 1000;

/**
 * The commit of a store whose deciding step covers no item, as a coordinator makes it: announce, hold what is
 * written, validate what was read, decide, apply.
 */
export async function commitBehindLocks(
  session: ContractSession,
  items: readonly CommitItem[],
  address: TransactionAddress,
): Promise<OnePhaseReply> {
  const { store, until } = session;
  const commit = session.commitOf([], address);
  const pending = { ...commit, decider: undefined, branches: [], redo: undefined };
  const announced = await store.announce(pending, until);
  switch (announced.status) {
    case 'committed':
      return { status: 'committed', commitCounts: new Map() };
    case 'rolled_back':
      return { status: 'rolled_back' };
    case 'deadline':
      return announced;
    case 'announced':
  }
  const { held, commitCounts, refusal } = await holdWritten(session, items, address);
  const against = refusal ?? (await refusalOfReads(session, items));
  if (against !== undefined) {
    await session.release(address, ...held.map(({ key }) => key));
    return against;
  }
  const reply = await store.commitOnePhase({ ...commit, announced: true, redo: held }, until);
  if (reply.status !== 'committed') return reply;
  await session.apply(address, held);
  await store.retire(address, until);
  return { status: 'committed', commitCounts };
}

interface Holding {
  readonly held: readonly HeldItem[];
  readonly commitCounts: ReadonlyMap<number, number>;
  readonly refusal?: OnePhaseReply;
}

async function holdWritten(
  session: ContractSession,
  items: readonly CommitItem[],
  address: TransactionAddress,
): Promise<Holding> {
  const held: HeldItem[] = [];
  const commitCounts = new Map<number, number>();
  for (const [index, item] of items.entries()) {
    if (item.change === undefined) continue;
    const reply = await prepareInTurn(session, item, address);
    if (reply.status !== 'prepared') return { held, commitCounts, refusal: { ...reply, index } };
    const [head] = reply.heads;
    held.push({ key: item.key, held: head!, change: item.change });
    if (item.expected === undefined && item.change.kind !== 'delete') {
      commitCounts.set(index, commitCountOf(head!) + 1);
    }
  }
  return { held, commitCounts };
}

/** Who writes without having looked may write after whoever holds it. */
async function prepareInTurn(
  session: ContractSession,
  item: CommitItem,
  address: TransactionAddress,
): Promise<PrepareReply> {
  for (let patience = PATIENCE; ; patience--) {
    const reply = await session.prepare([item], address);
    const isPassing = reply.status === 'locked' && item.expected === undefined;
    if (!isPassing || patience === 0) return reply;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function refusalOfReads(
  session: ContractSession,
  items: readonly CommitItem[],
): Promise<OnePhaseReply | undefined> {
  for (const [index, item] of items.entries()) {
    if (item.change !== undefined) continue;
    const stood = await session.read(item.key);
    if (stood?.kind === 'foreign') return { status: 'foreign', index };
    const found = seenVersionOf(stood);
    if (stood?.lock !== undefined) return { status: 'locked', index, found };
    if (!isExpected(item.expected!, found)) return { status: 'conflict', index, found };
  }
  return undefined;
}
