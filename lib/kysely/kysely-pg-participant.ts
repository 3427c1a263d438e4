import { Kysely, PostgresDialect, type KyselyConfig, type PostgresDialectConfig } from 'kysely';
import { PgParticipant, type PgParticipantOptions } from '../pg/index.js';

export interface KyselyPgParticipantOptions
  extends PgParticipantOptions, Omit<KyselyConfig, 'dialect'> {
  /** Of `pg-cursor`, for `stream()`. @default none */
  readonly cursor?: PostgresDialectConfig['cursor'];
}

/** `PgParticipant` with a Kysely over its bound pool, and nothing else. */
export class KyselyPgParticipant<DB> extends PgParticipant {
  /**
   * Inside a transaction all that it runs uses the connection of that one, and `transaction()` is a savepoint.
   * Do not `destroy()` it: it would end your pool.
   */
  readonly db: Kysely<DB>;

  /** @throws ModuleOptionsError */
  constructor({ plugins, log, cursor, ...options }: KyselyPgParticipantOptions) {
    super(options);
    const dialect = new PostgresDialect({ pool: this.pool, cursor });
    this.db = new Kysely<DB>({ dialect, plugins, log });
  }
}
