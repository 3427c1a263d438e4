import { ModuleOptionsError } from '../errors/index.js';
import { SqlParticipant, type SqlParticipantOptions } from '../sql/index.js';
import { boundClient } from './bound-client.js';
import { PrismaConnection, type AnyPrismaClient } from './prisma-connection.js';
import { PrismaPostgresDialect } from './prisma-dialect.js';

export interface PrismaParticipantOptions<T extends AnyPrismaClient> extends SqlParticipantOptions {
  /** Of PostgreSQL, with all its extensions. It stays yours: disconnect it after the application. */
  readonly client: T;
}

/**
 * A PostgreSQL database, over Prisma, that takes part in transactions.
 *
 * Its own commit decides, and it cannot be prepared: a transaction has one database of Prisma at most, beside
 * others that can be prepared.
 */
export class PrismaParticipant<T extends AnyPrismaClient> extends SqlParticipant<PrismaConnection> {
  /**
   * The client, bound to transactions: inside of one, models and raw queries run in it, and `$transaction()` is
   * a savepoint. Outside of transactions it works as the client that was given, which itself is not changed.
   */
  readonly client: T;
  readonly #own: T;
  readonly #maxWaitMs: number;

  /** @throws ModuleOptionsError for a client of another database. */
  constructor({ client, ...options }: PrismaParticipantOptions<T>) {
    super(new PrismaPostgresDialect(), options);
    const provider = (client as { readonly _activeProvider?: unknown })._activeProvider;
    if (provider !== undefined && provider !== 'postgresql' && provider !== 'postgres') {
      throw new ModuleOptionsError(
        `The client of participant ${options.name} is for ${JSON.stringify(provider)}; over Prisma, only postgresql ` +
          'takes part in transactions.',
      );
    }
    this.#own = client;
    this.#maxWaitMs = options.acquireTimeoutMs ?? Infinity;
    this.client = boundClient(client, options.name, () => this.current());
  }

  /** Takes nothing yet: Prisma takes a connection when it begins. */
  protected connect(): Promise<PrismaConnection> {
    return Promise.resolve(new PrismaConnection(this.#own, this.#maxWaitMs));
  }

  /** An interactive transaction of Prisma ends with COMMIT or ROLLBACK. */
  protected override canPrepare(): Promise<boolean> {
    return Promise.resolve(false);
  }
}
