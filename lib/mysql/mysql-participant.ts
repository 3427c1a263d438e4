import type { Pool } from 'mysql2/promise';
import { ModuleOptionsError } from '../errors/index.js';
import { MysqlDialect } from '../sql/mysql-dialect.js';
import { SqlParticipant, type SqlParticipantOptions } from '../sql/sql-participant.js';
import { boundPool } from './bound-pool.js';
import { MysqlConnection } from './mysql-connection.js';

export interface MysqlParticipantOptions extends SqlParticipantOptions {
  /** Of mysql2/promise. It stays yours: close it after the application. */
  readonly pool: Pool;
  /**
   * Takes part as an XA transaction: it is prepared beside another database that decides, and never decides
   * itself. Needs MariaDB 10.5 or MySQL 8.0.29. @default false
   */
  readonly xa?: boolean;
}

/** The first versions that keep what is prepared when its connection, or the server, goes. */
const OLDEST = { mariadb: [10, 5, 0], mysql: [8, 0, 29] } as const;

/**
 * A MySQL or MariaDB database, over the pool of mysql2, that takes part in transactions.
 *
 * Statements that commit by themselves (CREATE, ALTER, DROP, TRUNCATE, LOCK TABLES ...) are refused in a
 * transaction. A procedure that commits is not noticed: do not call one.
 */
export class MysqlParticipant extends SqlParticipant<MysqlConnection> {
  /**
   * The pool, bound to transactions: inside of one, `query` and `execute` run on its connection, and
   * `getConnection` gives that connection, whose `release` does nothing. Outside of transactions it is the pool.
   */
  readonly pool: Pool;
  readonly #own: Pool;

  /** @throws ModuleOptionsError */
  constructor({ pool, xa = false, ...options }: MysqlParticipantOptions) {
    super(new MysqlDialect({ xa }), options);
    this.#own = pool;
    this.pool = boundPool(pool, () => this.current());
  }

  protected async connect(): Promise<MysqlConnection> {
    return new MysqlConnection(await this.#own.getConnection(), this.#own);
  }

  /** @throws ModuleOptionsError: without it, it could not take part at all. */
  protected override async canPrepare(connection: MysqlConnection): Promise<boolean> {
    const [row] = await connection.execute('SELECT VERSION() AS version');
    const version = String(row?.['version']);
    if (!isAtLeast(version, OLDEST[/mariadb/i.test(version) ? 'mariadb' : 'mysql'])) {
      throw new ModuleOptionsError(
        `The server of participant ${this.name} is ${version}, which does not keep prepared XA transactions. Use ` +
          'MariaDB 10.5, MySQL 8.0.29 or a later one, or leave out the option xa.',
      );
    }
    await connection.execute('XA RECOVER').catch((cause: unknown) => {
      throw new ModuleOptionsError(
        `The user of participant ${this.name} may not list prepared XA transactions, which recovery has to. Grant it ` +
          'XA_RECOVER_ADMIN, or leave out the option xa.',
        { cause },
      );
    });
    return true;
  }
}

function isAtLeast(version: string, oldest: readonly number[]): boolean {
  const parts = version.split(/[.-]/).map(Number);
  for (const [index, wanted] of oldest.entries()) {
    const part = parts[index] ?? 0;
    if (part !== wanted) return part > wanted;
  }
  return true;
}
