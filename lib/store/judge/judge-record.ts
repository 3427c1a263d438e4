import { hasBranches, hasNoDecider, printPending, waitsForDecider } from '../stored-record.js';
import type { TransactionAddress } from '../transaction-address.js';
import type {
  AnnounceReply,
  FencedOutcome,
  OnePhaseCommit,
  OnePhaseReply,
  PendingTransaction,
  RecordLifetime,
} from '../versioned-store.js';

/** What is answered, and the record that stands from then on, if it is another one. */
export interface RecordVerdict<R> {
  readonly reply: R;
  readonly text?: string;
  /** Whether it stays until it is retired. */
  readonly kept?: boolean;
}

/** By the clock of the node. */
export interface JudgedAt {
  readonly nowMs: number;
  readonly lifetime: RecordLifetime;
}

/** What a record has decided; undefined where there is none, or a pending one. */
export function statusOf(record: string | undefined): 'committed' | 'rolled_back' | undefined {
  if (record?.startsWith('committed')) return 'committed';
  if (record?.startsWith('rolled_back')) return 'rolled_back';
  return undefined;
}

/** Whether a transaction may not be decided any more, or not yet known to be in time. */
function isOutOfTime({ deadlineAtMs }: TransactionAddress, { nowMs, lifetime }: JudgedAt): boolean {
  const { longestTimeoutMs, marginMs } = lifetime;
  return nowMs >= deadlineAtMs || deadlineAtMs > nowMs + longestTimeoutMs + marginMs;
}

/**
 * Why a transaction must not commit whose record decides nothing, whatever its items say; undefined where
 * nothing stands against it.
 *
 * @throws InvariantViolationError where its decider is waited for.
 */
export function judgeUndecided(
  record: string | undefined,
  { address, announced }: OnePhaseCommit,
  at: JudgedAt,
): OnePhaseReply | undefined {
  if (record?.startsWith('pending@')) throw waitsForDecider(address);
  if (record === undefined && announced) return { status: 'rolled_back' };
  return isOutOfTime(address, at) ? { status: 'deadline', nodeTimeMs: at.nowMs } : undefined;
}

/** The rules of announce.lua. */
export function judgeAnnounce(
  record: string | undefined,
  pending: PendingTransaction,
  at: JudgedAt,
): RecordVerdict<AnnounceReply> {
  const status = statusOf(record);
  if (status !== undefined) return { reply: { status } };
  if (isOutOfTime(pending.address, at)) {
    return { reply: { status: 'deadline', nodeTimeMs: at.nowMs } };
  }
  const reply = { status: 'announced' } as const;
  if (record !== undefined && pending.redo === undefined) return { reply };
  return { reply, text: printPending(pending), kept: true };
}

/** The rules of fence.lua. */
export function judgeFence(
  record: string | undefined,
  { deadlineAtMs }: TransactionAddress,
  { nowMs, lifetime }: JudgedAt,
): RecordVerdict<FencedOutcome | 'pending'> {
  const status = statusOf(record);
  if (status !== undefined) return { reply: status };
  if (record?.startsWith('pending@')) return { reply: 'pending' };
  const reply = 'rolled_back';
  if (record?.startsWith('pending|')) {
    return { reply, text: concluded(record, reply), kept: hasBranches(record) };
  }
  if (nowMs >= deadlineAtMs + lifetime.marginMs) return { reply: 'forgotten' };
  return { reply, text: `${reply}|{"decidedAt":${nowMs}}` };
}

/** The rules of conclude.lua. @throws InvariantViolationError */
export function judgeConclude(
  record: string | undefined,
  address: TransactionAddress,
  outcome: 'committed' | 'rolled_back',
): RecordVerdict<FencedOutcome> {
  const status = statusOf(record);
  if (status !== undefined) return { reply: status };
  if (record === undefined) return { reply: 'forgotten' };
  if (!record.startsWith('pending@')) throw hasNoDecider(address);
  return { reply: outcome, text: concluded(record, outcome), kept: true };
}

function concluded(record: string, outcome: 'committed' | 'rolled_back'): string {
  return outcome + record.slice(record.indexOf('|'));
}
