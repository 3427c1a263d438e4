import type { SqlBegin, SqlIsolation } from './sql-connection.js';
import { isConnectionLost, someWithin, type DriverError } from './driver-error.js';
import type { DecisionRow, SqlDialect, SqlErrorKind, TwoPhaseDialect } from './sql-dialect.js';
import { checkedCache, checkedSavepoint, checkedTable, literal, wholeNumber } from './sql-names.js';

const LEVELS: Readonly<Record<SqlIsolation, string>> = {
  'read-committed': 'READ COMMITTED',
  'repeatable-read': 'REPEATABLE READ',
  serializable: 'SERIALIZABLE',
};

/** serialization_failure, deadlock_detected */
const CONFLICTS = new Set(['40001', '40P01']);
/** Exceptions of the connection; too_many_connections; the server shuts down, crashed or starts. */
const UNAVAILABLE = /^(08...|53300|57P0[1-5]|25P03)$/;
/** It may have happened: unknown completion, the server goes, an internal error. */
const UNCERTAIN = /^(08...|40003|57P..|XX...|58...)$/;
const SQL_STATE = /^[0-9A-Z]{5}$/;

/** An orphan of a process that is gone without closing its connection ends this much after its deadline. */
const IDLE_GRACE_MS = 10_000;

const NOW_MS = '(extract(epoch from clock_timestamp()) * 1000)';

/** PostgreSQL 11 and later. */
export class PostgresDialect implements SqlDialect {
  readonly database = 'PostgreSQL';
  readonly endFence: readonly string[] = [];
  readonly twoPhase: TwoPhaseDialect = {
    start: undefined,
    keepsConnection: false,
    prepare: (globalId) => [`PREPARE TRANSACTION ${literal(globalId)}`],
    // In a failed transaction it answers ROLLBACK, which is no error.
    probe: (globalId) =>
      `SELECT 1 AS prepared FROM pg_prepared_xacts WHERE gid = ${literal(globalId)}`,
    abandon: () => ['ROLLBACK'],
    commit: (globalId) => `COMMIT PREPARED ${literal(globalId)}`,
    rollback: (globalId) => `ROLLBACK PREPARED ${literal(globalId)}`,
    isUnknown: (error) => someWithin(error, ({ code }) => code === '42704'),
    list:
      "SELECT gid FROM pg_prepared_xacts WHERE gid LIKE 'dtx:%' AND database = current_database() " +
      'AND owner = current_user ORDER BY prepared LIMIT 1000',
    globalIdOf: ({ gid }) => (typeof gid === 'string' ? gid : undefined),
  };

  begin({ isolation, readOnly, timeoutMs }: SqlBegin): readonly string[] {
    const access = readOnly ? 'READ ONLY' : 'READ WRITE';
    return [
      `BEGIN ISOLATION LEVEL ${LEVELS[isolation]} ${access}`,
      `SET LOCAL statement_timeout = ${wholeNumber(Math.max(timeoutMs, 1))}`,
      `SET LOCAL idle_in_transaction_session_timeout = ${wholeNumber(Math.max(timeoutMs, 1) + IDLE_GRACE_MS)}`,
    ];
  }

  savepoint(name: string): string {
    return `SAVEPOINT ${checkedSavepoint(name)}`;
  }

  rollbackTo(name: string): string {
    return `ROLLBACK TO SAVEPOINT ${checkedSavepoint(name)}`;
  }

  release(name: string): string {
    return `RELEASE SAVEPOINT ${checkedSavepoint(name)}`;
  }

  migration(table: string): string {
    const name = checkedTable(table);
    const index = `${name.split('.').at(-1)}_expires_at`.slice(0, 63);
    return [
      `CREATE TABLE IF NOT EXISTS ${name} (`,
      '  id varchar(128) COLLATE "C" PRIMARY KEY,',
      '  outcome char(1) NOT NULL,',
      '  expires_at bigint NOT NULL',
      ');',
      `CREATE INDEX IF NOT EXISTS ${index} ON ${name} (expires_at);`,
    ].join('\n');
  }

  probe(table: string): string {
    return `SELECT outcome FROM ${checkedTable(table)} LIMIT 0`;
  }

  /** Too late, the outcome is NULL, which the column refuses (23502): an error in one statement. */
  insertDecision(table: string, { id, expiresAtMs }: DecisionRow, beforeMs: number): string {
    const outcome = `CASE WHEN ${NOW_MS} < ${wholeNumber(beforeMs)} THEN 'c' END`;
    return (
      `INSERT INTO ${checkedTable(table)} (id, outcome, expires_at) ` +
      `VALUES (${literal(id)}, ${outcome}, ${wholeNumber(expiresAtMs)})`
    );
  }

  beginFence(lockTimeoutMs: number): readonly string[] {
    return [
      'BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE',
      `SET LOCAL lock_timeout = ${wholeNumber(Math.max(lockTimeoutMs, 1))}`,
    ];
  }

  insertFence(table: string, { id, expiresAtMs }: DecisionRow): string {
    return (
      `INSERT INTO ${checkedTable(table)} (id, outcome, expires_at) ` +
      `VALUES (${literal(id)}, 'r', ${wholeNumber(expiresAtMs)}) ON CONFLICT (id) DO NOTHING`
    );
  }

  selectOutcome(table: string, id: string): string {
    return `SELECT outcome FROM ${checkedTable(table)} WHERE id = ${literal(id)}`;
  }

  selectExpired(table: string, cache: string, limit: number): string {
    const known = checkedCache(cache);
    return (
      `SELECT id FROM ${checkedTable(table)} WHERE expires_at < ${NOW_MS} ` +
      `AND id >= '${known}:' AND id < '${known};' ORDER BY expires_at LIMIT ${wholeNumber(limit)}`
    );
  }

  deleteDecisions(table: string, ids: readonly string[]): string {
    return `DELETE FROM ${checkedTable(table)} WHERE id IN (${ids.map(literal).join(', ')})`;
  }

  kindOf(error: unknown): SqlErrorKind {
    if (someWithin(error, ({ code }) => CONFLICTS.has(code as string))) return 'conflict';
    if (someWithin(error, ({ code }) => UNAVAILABLE.test(String(code)))) return 'unavailable';
    return isConnectionLost(error) ? 'unavailable' : 'other';
  }

  provesNoCommit(error: unknown): boolean {
    return !isConnectionLost(error) && someWithin(error, isRefusal);
  }

  isMissingTable(error: unknown): boolean {
    return someWithin(error, ({ code }) => code === '42P01' || code === '3F000');
  }

  commitsSilently(): boolean {
    return false;
  }
}

/** An ERROR of the server, in contrast to a FATAL one, was answered instead of the commit. */
function isRefusal({ code, severity }: DriverError): boolean {
  if (typeof code !== 'string' || !SQL_STATE.test(code) || UNCERTAIN.test(code)) return false;
  return severity === undefined || (severity !== 'FATAL' && severity !== 'PANIC');
}
