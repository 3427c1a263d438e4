import type { SqlBegin, SqlRow } from './sql-connection.js';

/**
 * - `conflict`: the transaction lost against another one, and the database has ended it.
 * - `unavailable`: the connection is lost, or could not be had.
 */
export type SqlErrorKind = 'conflict' | 'unavailable' | 'other';

export interface DecisionRow {
  /** `<cache>:<address>`, see `decisionIdOf`. */
  readonly id: string;
  /** When it may be deleted, in milliseconds since 1970 by the clock of the database. */
  readonly expiresAtMs: number;
}

/** What databases say differently: statements, and what their errors mean. Nothing here does I/O. */
export interface SqlDialect {
  readonly database: string;

  begin(options: SqlBegin): readonly string[];
  savepoint(name: string): string;
  rollbackTo(name: string): string;
  release(name: string): string;

  /** What creates the table of decisions, for a migration. */
  migration(table: string): string;
  /** Rejects where the table is missing. */
  probe(table: string): string;
  /** Must fail where the clock of the database has passed `beforeMs`, or the row is there. */
  insertDecision(table: string, row: DecisionRow, beforeMs: number): string;
  /** Begins at read committed, with a bound for the wait for other transactions. */
  beginFence(lockTimeoutMs: number): readonly string[];
  /** After it, on a connection that is used on. */
  readonly endFence: readonly string[];
  /** Does nothing where the row is there; waits for whoever is about to insert it. */
  insertFence(table: string, row: DecisionRow): string;
  /** One row with `outcome`. */
  selectOutcome(table: string, id: string): string;
  /** Rows with `id`, of this cache, expired by the clock of the database. */
  selectExpired(table: string, cache: string, limit: number): string;
  deleteDecisions(table: string, ids: readonly string[]): string;

  kindOf(error: unknown): SqlErrorKind;
  /** The error is an answer that proves that the statement, if it was a commit, did not happen. */
  provesNoCommit(error: unknown): boolean;
  isMissingTable(error: unknown): boolean;
  /** Statements that end a transaction without saying so are refused; this is what they do, if so. */
  commitsSilently(statement: string): boolean;

  /** Undefined where nothing can be prepared. */
  readonly twoPhase: TwoPhaseDialect | undefined;
}

/** How a transaction is made to wait for a decision that is taken elsewhere. */
export interface TwoPhaseDialect {
  /** Begins a transaction that can be prepared under this name; undefined where every transaction can. */
  readonly start: ((globalId: string, options: SqlBegin) => readonly string[]) | undefined;
  /** A prepared transaction stays with its connection until it has ended. */
  readonly keepsConnection: boolean;
  prepare(globalId: string): readonly string[];
  /** Gives a row where it is prepared, for a database that may answer without having done it. */
  readonly probe: ((globalId: string) => string) | undefined;
  /** Ends a transaction that was begun by `start` and is not prepared. */
  abandon(globalId: string): readonly string[];
  readonly commit: (globalId: string) => string;
  readonly rollback: (globalId: string) => string;
  /** Nothing of this name is prepared (any more). */
  isUnknown(error: unknown): boolean;
  /** What is prepared in this database for this user, ours or not. */
  readonly list: string;
  /** The name given to `prepare`, of one row; undefined where it is none of ours. */
  globalIdOf(row: SqlRow): string | undefined;
}
