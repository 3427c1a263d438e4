import { callbackify } from 'node:util';
import { Kysely, MysqlDialect, type KyselyConfig, type MysqlPool } from 'kysely';
import { MysqlParticipant, type MysqlParticipantOptions } from '../mysql/index.js';

export interface KyselyMysqlParticipantOptions
  extends MysqlParticipantOptions, Omit<KyselyConfig, 'dialect'> {}

/** `MysqlParticipant` with a Kysely over its bound pool, and nothing else. */
export class KyselyMysqlParticipant<DB> extends MysqlParticipant {
  /**
   * Inside a transaction all that it runs uses the connection of that one, and `transaction()` is a savepoint.
   * Do not `destroy()` it: it would end your pool.
   */
  readonly db: Kysely<DB>;

  /** @throws ModuleOptionsError */
  constructor({ plugins, log, ...options }: KyselyMysqlParticipantOptions) {
    super(options);
    const dialect = new MysqlDialect({ pool: withCallbacks(this.pool) });
    this.db = new Kysely<DB>({ dialect, plugins, log });
  }
}

/** Kysely knows the pool of `mysql2` with callbacks only. */
function withCallbacks(pool: MysqlParticipant['pool']): MysqlPool {
  const connect = async (): Promise<unknown> => (await pool.getConnection()).connection;
  return {
    getConnection: callbackify(connect) as MysqlPool['getConnection'],
    end: callbackify(() => pool.end()) as MysqlPool['end'],
  };
}
