import { CommonDialect, LEVELS } from './common-dialect.js';
import type { SqlBegin } from './sql-connection.js';
import { isConnectionLost, someWithin, type DriverError } from './driver-error.js';
import type { SqlErrorKind, TwoPhaseDialect } from './sql-dialect.js';
import { checkedTable, literal, wholeNumber } from './sql-names.js';

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
export class PostgresDialect extends CommonDialect {
  protected readonly nowMs = NOW_MS;
  protected readonly unlessThere = 'ON CONFLICT (id) DO NOTHING';
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

  beginFence(lockTimeoutMs: number): readonly string[] {
    return [
      'BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE',
      `SET LOCAL lock_timeout = ${wholeNumber(Math.max(lockTimeoutMs, 1))}`,
    ];
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
