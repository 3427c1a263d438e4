export type SqlRow = Readonly<Record<string, unknown>>;

/**
 * One connection of the user's client, taken from its pool for one branch. Statements are text without
 * parameters, made by this library alone.
 */
export interface SqlConnection {
  /** Runs one statement. Rejects with the error of the driver. */
  execute(statement: string): Promise<readonly SqlRow[]>;

  /** Runs these statements and begins a transaction with them, in as few round trips as the client can. */
  begin(statements: readonly string[]): Promise<void>;

  /** Runs these statements and commits, in as few round trips as the client can. */
  commit(statements: readonly string[]): Promise<void>;

  rollback(): Promise<void>;

  /** Gives it back to the pool; a broken one is destroyed instead. Never rejects. */
  release(broken: boolean): Promise<void>;
}
