import type { mongo } from 'mongoose';
import { ParticipantUnavailableError } from '../errors/index.js';
import type { BranchTransaction } from '../participants/branch.js';
import type { BranchRecovery } from '../participants/participant.js';
import { decisionIdOf, parseDecisionId } from '../sql/sql-names.js';
import { isDuplicate } from './mongo-error.js';

export interface DecisionDocument {
  /** `<cache>:<address>` */
  readonly _id: string;
  readonly outcome: 'c' | 'r';
  /** When it may be deleted, by the clock of the database. */
  readonly expiresAt: Date;
}

export type Decisions = mongo.Collection<DecisionDocument>;

/** How many decisions one round deletes at most. */
const BATCH = 500;

/**
 * Has the commit of the session decide. Fails where somebody has fenced it, by the unique `_id`; and where the
 * clock of the database has passed `before`: `$toInt` of the id, which is no number, is an error then.
 */
export async function insertDecision(
  decisions: Decisions,
  session: mongo.ClientSession,
  given: {
    readonly transaction: BranchTransaction;
    readonly before: Date;
    readonly expiresAt: Date;
  },
): Promise<void> {
  const { before, expiresAt } = given;
  const inTime = { $lt: ['$$NOW', { $literal: before }] };
  await decisions.updateOne(
    { _id: decisionIdOf(given.transaction), outcome: { $exists: false } },
    [
      {
        $set: {
          outcome: { $cond: [inTime, 'c', { $toInt: '$_id' }] },
          expiresAt: { $literal: expiresAt },
        },
      },
    ],
    { session, upsert: true },
  );
}

/**
 * Where there is no decision, makes one impossible; a session that is about to decide is waited for.
 *
 * @param leftMs How long it may take.
 */
export async function fenceDecision(
  decisions: Decisions,
  given: {
    readonly transaction: BranchTransaction;
    readonly expiresAt: Date;
    readonly leftMs: number;
  },
): Promise<'committed' | 'rolled_back'> {
  const _id = decisionIdOf(given.transaction);
  const maxTimeMS = Math.max(1, Math.ceil(given.leftMs));
  try {
    await decisions.updateOne(
      { _id },
      { $setOnInsert: { outcome: 'r', expiresAt: given.expiresAt } },
      { upsert: true, maxTimeMS, writeConcern: { w: 'majority', wtimeoutMS: maxTimeMS } },
    );
  } catch (error) {
    // Somebody was faster.
    if (!isDuplicate(error)) throw error;
  }
  // Only what a majority has can be relied on.
  const options = { maxTimeMS, readConcern: 'linearizable', readPreference: 'primary' } as const;
  const found = await decisions.findOne({ _id }, options);
  if (found?.outcome === 'c') return 'committed';
  if (found?.outcome === 'r') return 'rolled_back';
  throw new ParticipantUnavailableError(
    `The decision ${_id} cannot be read. Nothing is known of it.`,
  );
}

/** Deletes decisions that nobody can ask for any more, and no record waits for. */
export async function deleteExpired(decisions: Decisions, recovery: BranchRecovery): Promise<void> {
  const ofCache = { $gte: `${recovery.cache}:`, $lt: `${recovery.cache};` };
  const expired = decisions
    .find({ _id: ofCache, $expr: { $lt: ['$expiresAt', '$$NOW'] } })
    .sort({ expiresAt: 1 })
    .limit(BATCH);
  const unneeded: string[] = [];
  for (const { _id } of await expired.toArray()) {
    const parsed = parseDecisionId(_id);
    if (parsed !== undefined && !(await recovery.isPending(parsed.address))) unneeded.push(_id);
  }
  if (unneeded.length > 0) await decisions.deleteMany({ _id: { $in: unneeded } });
}
