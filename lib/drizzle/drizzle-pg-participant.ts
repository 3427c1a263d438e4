import { PgParticipant, type PgParticipantOptions } from '../pg/index.js';

export interface DrizzlePgParticipantOptions<D> extends PgParticipantOptions {
  /**
   * Makes the database of drizzle over the bound pool: `(pool) => drizzle(pool, { schema })`, with the `drizzle`
   * of `drizzle-orm/node-postgres`. Called once.
   */
  readonly drizzle: (pool: PgParticipant['pool']) => D;
}

/** `PgParticipant` with the database of drizzle over its bound pool, and nothing else. */
export class DrizzlePgParticipant<D> extends PgParticipant {
  /** Inside a transaction all that it runs uses the connection of that one, and `transaction()` is a savepoint. */
  readonly db: D;

  /** @throws ModuleOptionsError */
  constructor({ drizzle, ...options }: DrizzlePgParticipantOptions<D>) {
    super(options);
    this.db = drizzle(this.pool);
  }
}
