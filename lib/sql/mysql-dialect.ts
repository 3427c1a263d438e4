import { CommonDialect, LEVELS } from './common-dialect.js';
import type { SqlBegin, SqlRow } from './sql-connection.js';
import { commitsImplicitly } from './control-text.js';
import { isConnectionLost, someWithin } from './driver-error.js';
import type { SqlErrorKind, TwoPhaseDialect } from './sql-dialect.js';
import { checkedTable, literal, parseGlobalId, wholeNumber } from './sql-names.js';

/** Lock wait, deadlock, record has changed (MariaDB), a rolled back XA branch, conflicts of a group. */
const CONFLICTS = new Set([1205, 1213, 1020, 1613, 1614, 3101]);
/** Too many connections, shutdown, killed, and what drivers say of a lost connection. */
const UNAVAILABLE = new Set([
  1040, 1053, 1077, 1079, 1152, 1158, 1159, 1160, 1161, 1203, 1226, 1927, 2002, 2003, 2006, 2013,
  4031,
]);
/** Answers to the insert, which comes before the commit: column is null, duplicates, syntax, rights, no table. */
const REFUSALS = new Set([
  1020, 1044, 1048, 1062, 1064, 1142, 1146, 1205, 1213, 1290, 1397, 1399, 1402, 1613, 1614, 1792,
  1836, 3101,
]);
const NO_TABLE = new Set([1146, 1049]);
/** 1397 XAER_NOTA */
const UNKNOWN_XID = 1397;
const XA_FORMAT = 0x64_74_78; // 'dtx'
/** Of each of the two parts of an XA name, in bytes. */
const XA_PART = 64;
const NOW_MS = '(UNIX_TIMESTAMP() * 1000)';

/** MySQL 8.0.29 and MariaDB 10.5, and later ones. */
export class MysqlDialect extends CommonDialect {
  protected readonly nowMs = NOW_MS;
  protected readonly unlessThere = 'ON DUPLICATE KEY UPDATE id = id';
  readonly database = 'MySQL';
  readonly endFence: readonly string[] = ['SET innodb_lock_wait_timeout = @dtx_lock_wait_timeout'];
  readonly twoPhase: TwoPhaseDialect | undefined;

  /** @param options `xa`: every transaction is begun so that it can be prepared. */
  constructor({ xa }: { readonly xa: boolean }) {
    super();
    this.twoPhase = xa ? xaDialect : undefined;
  }

  begin(options: SqlBegin): readonly string[] {
    return [
      `SET TRANSACTION ISOLATION LEVEL ${LEVELS[options.isolation]}`,
      `START TRANSACTION ${options.readOnly ? 'READ ONLY' : 'READ WRITE'}`,
    ];
  }

  migration(table: string): string {
    return [
      `CREATE TABLE IF NOT EXISTS ${checkedTable(table)} (`,
      '  id VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,',
      '  outcome CHAR(1) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,',
      '  expires_at BIGINT NOT NULL,',
      '  INDEX expires_at (expires_at)',
      ') ENGINE = InnoDB;',
    ].join('\n');
  }

  beginFence(lockTimeoutMs: number): readonly string[] {
    const seconds = Math.max(1, Math.floor(lockTimeoutMs / 1000));
    return [
      'SET @dtx_lock_wait_timeout = @@innodb_lock_wait_timeout',
      `SET innodb_lock_wait_timeout = ${wholeNumber(seconds)}`,
      'SET TRANSACTION ISOLATION LEVEL READ COMMITTED',
      'START TRANSACTION READ WRITE',
    ];
  }

  kindOf(error: unknown): SqlErrorKind {
    if (someWithin(error, ({ errno }) => CONFLICTS.has(errno as number))) return 'conflict';
    if (someWithin(error, ({ errno }) => UNAVAILABLE.has(errno as number))) return 'unavailable';
    return isConnectionLost(error) ? 'unavailable' : 'other';
  }

  provesNoCommit(error: unknown): boolean {
    return (
      !isConnectionLost(error) && someWithin(error, ({ errno }) => REFUSALS.has(errno as number))
    );
  }

  isMissingTable(error: unknown): boolean {
    return someWithin(error, ({ errno }) => NO_TABLE.has(errno as number));
  }

  commitsSilently(statement: string): boolean {
    return commitsImplicitly(statement);
  }
}

const xaDialect: TwoPhaseDialect = {
  start: (globalId, { isolation, readOnly }) => [
    `SET TRANSACTION ISOLATION LEVEL ${LEVELS[isolation]}, ${readOnly ? 'READ ONLY' : 'READ WRITE'}`,
    `XA START ${xidOf(globalId)}`,
  ],
  keepsConnection: true,
  prepare: (globalId) => [`XA END ${xidOf(globalId)}`, `XA PREPARE ${xidOf(globalId)}`],
  probe: undefined,
  abandon: (globalId) => [`XA END ${xidOf(globalId)}`, `XA ROLLBACK ${xidOf(globalId)}`],
  commit: (globalId) => `XA COMMIT ${xidOf(globalId)}`,
  rollback: (globalId) => `XA ROLLBACK ${xidOf(globalId)}`,
  isUnknown: (error) => someWithin(error, ({ errno }) => errno === UNKNOWN_XID),
  list: 'XA RECOVER',
  globalIdOf: (row: SqlRow) => {
    if (Number(row['formatID']) !== XA_FORMAT) return undefined;
    const { data } = row;
    const text = Buffer.isBuffer(data) ? data.toString('latin1') : String(data);
    return parseGlobalId(`dtx:${text}`) === undefined ? undefined : `dtx:${text}`;
  },
};

/** The name, without its prefix, cut into the two parts of at most 64 bytes that XA has. */
function xidOf(globalId: string): string {
  const text = literal(globalId).slice("'dtx:".length, -1);
  const [first, second] = [text.slice(0, XA_PART), text.slice(XA_PART, 2 * XA_PART)];
  return `'${first}', '${second}', ${XA_FORMAT}`;
}
