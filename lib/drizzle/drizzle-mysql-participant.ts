import { MysqlParticipant, type MysqlParticipantOptions } from '../mysql/index.js';

export interface DrizzleMysqlParticipantOptions<D> extends MysqlParticipantOptions {
  /**
   * Makes the database of drizzle over the bound pool: `(pool) => drizzle(pool, { schema })`, with the `drizzle`
   * of `drizzle-orm/mysql2`. Called once.
   */
  readonly drizzle: (pool: MysqlParticipant['pool']) => D;
}

/** `MysqlParticipant` with the database of drizzle over its bound pool, and nothing else. */
export class DrizzleMysqlParticipant<D> extends MysqlParticipant {
  /** Inside a transaction all that it runs uses the connection of that one, and `transaction()` is a savepoint. */
  readonly db: D;

  /** @throws ModuleOptionsError */
  constructor({ drizzle, ...options }: DrizzleMysqlParticipantOptions<D>) {
    super(options);
    this.db = drizzle(this.pool);
  }
}
