import type { SqlBegin, SqlIsolation } from './sql-connection.js';
import type { DecisionRow, SqlDialect, SqlErrorKind, TwoPhaseDialect } from './sql-dialect.js';
import { checkedCache, checkedSavepoint, checkedTable, literal, wholeNumber } from './sql-names.js';

/** The words of the standard. */
export const LEVELS: Readonly<Record<SqlIsolation, string>> = {
  'read-committed': 'READ COMMITTED',
  'repeatable-read': 'REPEATABLE READ',
  serializable: 'SERIALIZABLE',
};

/** What all databases say alike: savepoints, and the rows of decisions. */
export abstract class CommonDialect implements SqlDialect {
  abstract readonly database: string;
  abstract readonly twoPhase: TwoPhaseDialect | undefined;
  /** The clock of the database, in milliseconds since 1970. */
  protected abstract readonly nowMs: string;
  /** What has an insert do nothing where the row is there. */
  protected abstract readonly unlessThere: string;

  abstract begin(options: SqlBegin): readonly string[];
  abstract readonly endFence: readonly string[];
  abstract migration(table: string): string;
  abstract beginFence(lockTimeoutMs: number): readonly string[];
  abstract kindOf(error: unknown): SqlErrorKind;
  abstract provesNoCommit(error: unknown): boolean;
  abstract isMissingTable(error: unknown): boolean;
  abstract commitsSilently(statement: string): boolean;

  savepoint(name: string): string {
    return `SAVEPOINT ${checkedSavepoint(name)}`;
  }

  rollbackTo(name: string): string {
    return `ROLLBACK TO SAVEPOINT ${checkedSavepoint(name)}`;
  }

  release(name: string): string {
    return `RELEASE SAVEPOINT ${checkedSavepoint(name)}`;
  }

  probe(table: string): string {
    return `SELECT outcome FROM ${checkedTable(table)} LIMIT 0`;
  }

  /**
   * Too late, the outcome is NULL, which the column refuses (PostgreSQL 23502; MySQL 1048, whatever `sql_mode` says,
   * since one row is inserted): an error in one statement.
   */
  insertDecision(table: string, row: DecisionRow, beforeMs: number): string {
    const outcome = `CASE WHEN ${this.nowMs} < ${wholeNumber(beforeMs)} THEN 'c' END`;
    return insertRow(table, row, outcome);
  }

  insertFence(table: string, row: DecisionRow): string {
    return `${insertRow(table, row, "'r'")} ${this.unlessThere}`;
  }

  selectOutcome(table: string, id: string): string {
    return `SELECT outcome FROM ${checkedTable(table)} WHERE id = ${literal(id)}`;
  }

  selectExpired(table: string, cache: string, limit: number): string {
    const known = checkedCache(cache);
    return (
      `SELECT id FROM ${checkedTable(table)} WHERE expires_at < ${this.nowMs} ` +
      `AND id >= '${known}:' AND id < '${known};' ORDER BY expires_at LIMIT ${wholeNumber(limit)}`
    );
  }

  deleteDecisions(table: string, ids: readonly string[]): string {
    return `DELETE FROM ${checkedTable(table)} WHERE id IN (${ids.map(literal).join(', ')})`;
  }
}

function insertRow(table: string, { id, expiresAtMs }: DecisionRow, outcome: string): string {
  return (
    `INSERT INTO ${checkedTable(table)} (id, outcome, expires_at) ` +
    `VALUES (${literal(id)}, ${outcome}, ${wholeNumber(expiresAtMs)})`
  );
}
