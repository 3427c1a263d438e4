export type SqlRow = Readonly<Record<string, unknown>>;

export type SqlIsolation = 'read-committed' | 'repeatable-read' | 'serializable';

/** What the statements given to `begin` say, for a client that begins transactions in its own way. */
export interface SqlBegin {
  readonly isolation: SqlIsolation;
  readonly readOnly: boolean;
  /** How long the transaction may take from now on, in milliseconds. */
  readonly timeoutMs: number;
}

/**
 * One connection of the user's client, taken from its pool for one branch. Statements are text without
 * parameters, made by this library alone.
 */
export interface SqlConnection {
  /** Runs one statement. Rejects with the error of the driver. */
  execute(statement: string): Promise<readonly SqlRow[]>;

  /**
   * Begins a transaction by running these statements, in as few round trips as the client can. They
   * are complete: `BEGIN ...` is among them. A client that has to begin by a call of its own follows
   * `begin` instead.
   */
  begin(statements: readonly string[], begin: SqlBegin): Promise<void>;

  /** Runs these statements and then commits, in as few round trips as the client can. */
  commit(statements: readonly string[]): Promise<void>;

  rollback(): Promise<void>;

  /** Gives it back to the pool; a broken one is destroyed instead. Never rejects. Called once. */
  release(broken: boolean): Promise<void>;
}
