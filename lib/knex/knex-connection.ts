import {
  killMysqlConnection,
  type CallbackConnection,
  type QueryCallback,
  type SqlConnection,
  type SqlRow,
} from '../sql/index.js';

/** What knex uses of a client of `pg`, or of a connection of `mysql2`. */
export interface DriverConnection extends CallbackConnection {
  on(event: 'error', listener: () => void): unknown;
  /** Of `pg` alone. */
  end(): unknown;
  /** Of `mysql2` alone. */
  destroy?(): void;
  readonly threadId?: unknown;
  /** Of `mysql2` alone. */
  readonly stream?: { readonly localPort?: number };
  /** Why knex may not use it again. */
  __knex__disposed?: unknown;
}

/** What the adapter uses of the client of a Knex. */
export interface KnexClient {
  readonly driverName?: string;
  readonly dialect?: string;
  acquireConnection(): Promise<DriverConnection>;
  releaseConnection(connection: DriverConnection): Promise<void>;
  destroy(callback?: QueryCallback): Promise<void>;
  initializePool(config?: unknown): void;
}

/** Connections that have a listener already: what they say is heard by the statement that waits. */
const quiet = new WeakSet<object>();

/** A connection of the user's Knex, for one branch. */
export class KnexConnection implements SqlConnection {
  readonly #client: KnexClient;
  readonly #localPort: number | undefined;

  constructor(
    readonly driver: DriverConnection,
    client: KnexClient,
  ) {
    this.#client = client;
    this.#localPort = driver.stream?.localPort;
    // Without a listener the process would end.
    if (quiet.has(driver)) return;
    quiet.add(driver);
    driver.on('error', () => undefined);
  }

  async execute(statement: string): Promise<readonly SqlRow[]> {
    const result = await ask(this.driver, statement);
    if (Array.isArray(result)) return result as SqlRow[];
    return (result as { readonly rows?: SqlRow[] }).rows ?? [];
  }

  begin(statements: readonly string[]): Promise<void> {
    return this.#queryAll(statements);
  }

  commit(statements: readonly string[]): Promise<void> {
    return this.#queryAll([...statements, 'COMMIT']);
  }

  async rollback(): Promise<void> {
    await ask(this.driver, 'ROLLBACK');
  }

  async release(broken: boolean): Promise<void> {
    if (broken) this.#destroy();
    await this.#client.releaseConnection(this.driver).catch(() => undefined);
  }

  /** PostgreSQL takes them in one message, and skips what follows one that fails. */
  async #queryAll(statements: readonly string[]): Promise<void> {
    if (this.#client.driverName === 'pg') {
      await ask(this.driver, statements.join('; '));
      return;
    }
    for (const statement of statements) await ask(this.driver, statement);
  }

  /** The pool of knex drops what is marked; a statement that still runs is ended now. */
  #destroy(): void {
    const { driver } = this;
    driver.__knex__disposed = 'A transaction has left it in an unknown state.';
    if (driver.destroy === undefined) {
      driver.end();
      return;
    }
    driver.destroy();
    // Nobody waits for it: without connections to spare it may take its time.
    this.#kill(driver.threadId).catch(() => undefined);
  }

  async #kill(threadId: unknown): Promise<void> {
    const port = this.#localPort;
    if (!Number.isSafeInteger(threadId) || !Number.isSafeInteger(port)) return;
    const other = await this.#client.acquireConnection();
    try {
      const askOther = (statement: string) => ask(other, statement) as Promise<SqlRow[]>;
      await killMysqlConnection(askOther, threadId as number, port as number);
    } finally {
      await this.#client.releaseConnection(other);
    }
  }
}

function ask(driver: DriverConnection, statement: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const callback: QueryCallback = (error, result) =>
      error ? reject(error as Error) : resolve(result);
    driver.query(statement, callback);
  });
}
