import type { BranchRecovery } from '../participants/participant.js';
import type { SqlConnection } from './sql-connection.js';
import type { SqlDialect, TwoPhaseDialect } from './sql-dialect.js';
import { parseDecisionId, parseGlobalId } from './sql-names.js';

export interface RecoveredDatabase {
  /** Of the participant. */
  readonly name: string;
  readonly dialect: SqlDialect;
  readonly table: string;
  readonly connection: SqlConnection;
}

/** How many decisions one round deletes at most. */
const BATCH = 500;

/** The end of what is prepared under a name, as the transaction was decided. */
export interface PreparedEnd {
  readonly globalId: string;
  readonly outcome: 'committed' | 'rolled_back';
}

/**
 * Ends what is prepared; finds it done where somebody was faster. Answers false where another process still holds
 * it with its connection: to MariaDB that looks the same, except that it is listed.
 */
export async function endPrepared(
  connection: SqlConnection,
  twoPhase: TwoPhaseDialect,
  { globalId, outcome }: PreparedEnd,
): Promise<boolean> {
  const end = outcome === 'committed' ? twoPhase.commit : twoPhase.rollback;
  try {
    await connection.execute(end(globalId));
    return true;
  } catch (error) {
    if (!twoPhase.isUnknown(error)) throw error;
  }
  if (!twoPhase.keepsConnection) return true;
  const rows = await connection.execute(twoPhase.list);
  return !rows.some((row) => twoPhase.globalIdOf(row) === globalId);
}

/** Drives what was left prepared to the outcome of its transaction; what is not ours stays as it is. */
export async function finishPrepared(
  { name, dialect, connection }: RecoveredDatabase,
  recovery: BranchRecovery,
): Promise<void> {
  const { twoPhase } = dialect;
  if (twoPhase === undefined) return;
  for (const row of await connection.execute(twoPhase.list)) {
    const globalId = twoPhase.globalIdOf(row);
    const parsed = globalId === undefined ? undefined : parseGlobalId(globalId);
    if (globalId === undefined || parsed === undefined) continue;
    if (parsed.cache !== recovery.cache || parsed.participant !== name) continue;
    const outcome = await recovery.outcomeOf(parsed.address);
    // What a living connection holds is its own to end, or is found again.
    if (outcome !== 'undecided') await endPrepared(connection, twoPhase, { globalId, outcome });
  }
}

/** Deletes decisions that nobody can ask for any more, and no record waits for. */
export async function deleteExpiredDecisions(
  { dialect, table, connection }: RecoveredDatabase,
  recovery: BranchRecovery,
): Promise<void> {
  const rows = await connection.execute(dialect.selectExpired(table, recovery.cache, BATCH));
  const unneeded: string[] = [];
  for (const { id } of rows) {
    const parsed = typeof id === 'string' ? parseDecisionId(id) : undefined;
    if (parsed !== undefined && !(await recovery.isPending(parsed.address)))
      unneeded.push(id as string);
  }
  if (unneeded.length > 0) await connection.execute(dialect.deleteDecisions(table, unneeded));
}
