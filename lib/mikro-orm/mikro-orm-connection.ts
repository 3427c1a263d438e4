import type { SqlConnection, SqlRow } from '../sql/index.js';

/** What MikroORM has of knex. */
export interface KnexClient {
  acquireConnection(): Promise<PgClient>;
  releaseConnection(connection: PgClient): Promise<void>;
}

interface PgClient {
  /** Set: knex does not give it out any more. */
  __knex__disposed?: unknown;
  query(text: string): Promise<{ readonly rows?: readonly SqlRow[] }>;
  end(): Promise<void>;
}

/** A connection of the pool that MikroORM has in knex, for one branch. */
export class MikroOrmConnection implements SqlConnection {
  /** What MikroORM takes for a transaction of knex: statements that are given it run on this connection. */
  readonly context: object;
  readonly #client: KnexClient;
  readonly #connection: PgClient;

  static async take(client: KnexClient): Promise<MikroOrmConnection> {
    return new MikroOrmConnection(client, await client.acquireConnection());
  }

  private constructor(client: KnexClient, connection: PgClient) {
    this.#client = client;
    this.#connection = connection;
    const own = Object.assign(Object.create(client) as KnexClient, {
      transacting: true,
      acquireConnection: () => Promise.resolve(connection),
      releaseConnection: () => Promise.resolve(),
    });
    this.context = { client: own };
  }

  async execute(statement: string): Promise<readonly SqlRow[]> {
    const { rows } = await this.#connection.query(statement);
    return rows ?? [];
  }

  async begin(statements: readonly string[]): Promise<void> {
    await this.#connection.query(statements.join('; '));
  }

  /** In one message: the server skips what follows a statement that fails. */
  async commit(statements: readonly string[]): Promise<void> {
    await this.#connection.query([...statements, 'COMMIT'].join('; '));
  }

  async rollback(): Promise<void> {
    await this.#connection.query('ROLLBACK');
  }

  async release(broken: boolean): Promise<void> {
    const connection = this.#connection;
    if (broken) {
      // Knex would keep it, and what it holds on the server, until somebody is about to be given it.
      connection.__knex__disposed ??= 'given up';
      connection.end().catch(() => undefined);
    }
    await this.#client.releaseConnection(connection);
  }
}
