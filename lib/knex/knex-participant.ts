import type { Knex } from 'knex';
import { ModuleOptionsError } from '../errors/index.js';
import {
  MysqlDialect,
  PostgresDialect,
  SqlParticipant,
  type SqlDialect,
  type SqlParticipantOptions,
} from '../sql/index.js';
import { boundKnex } from './bound-knex.js';
import { KnexConnection, type KnexClient } from './knex-connection.js';

export interface KnexParticipantOptions extends SqlParticipantOptions {
  /** Of the client `pg` or `mysql2`. It stays yours: destroy it after the application. */
  readonly knex: Knex;
}

/**
 * A PostgreSQL, MySQL or MariaDB database, over Knex, that takes part in transactions.
 *
 * Its own commit decides where it is the only database of a transaction; PostgreSQL can also be prepared beside
 * others, where `max_prepared_transactions` of the server is above 0.
 */
export class KnexParticipant extends SqlParticipant<KnexConnection> {
  /**
   * The Knex, bound to transactions: inside of one, everything runs on its connection, and `transaction()` is
   * a savepoint. Outside of transactions it works as the Knex that was given, which itself is not changed.
   */
  readonly knex: Knex;
  readonly #client: KnexClient;

  /** @throws ModuleOptionsError for a Knex of another client. */
  constructor({ knex, ...options }: KnexParticipantOptions) {
    const client = knex.client as KnexClient;
    super(dialectOf(client, options.name), options);
    this.#client = client;
    this.knex = boundKnex(knex, () => this.current());
  }

  protected async connect(): Promise<KnexConnection> {
    return new KnexConnection(await this.#client.acquireConnection(), this.#client);
  }

  protected override async canPrepare(connection: KnexConnection): Promise<boolean> {
    const [row] = await connection.execute('SHOW max_prepared_transactions');
    return Number(row?.['max_prepared_transactions']) > 0;
  }
}

function dialectOf({ driverName, dialect }: KnexClient, name: string): SqlDialect {
  if (driverName === 'pg' && dialect === 'postgresql') return new PostgresDialect();
  if (driverName === 'mysql2') return new MysqlDialect({ xa: false });
  throw new ModuleOptionsError(
    `The Knex of participant ${name} has the client ${driverName ?? 'unknown'} (${dialect ?? 'unknown'}); only pg and ` +
      'mysql2 take part in transactions.',
  );
}
