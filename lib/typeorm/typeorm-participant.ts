import type { DataSource, EntityManager, QueryRunner } from 'typeorm';
import { ModuleOptionsError } from '../errors/index.js';
import {
  killMysqlConnection,
  MysqlDialect,
  override,
  PostgresDialect,
  SqlParticipant,
  type SqlDialect,
  type SqlParticipantOptions,
  type SqlRow,
} from '../sql/index.js';
import type { TransactionManager } from '../transaction/transaction-manager.js';
import { bindQueryRunner } from './bound-query-runner.js';
import { TypeOrmConnection, type Kill } from './typeorm-connection.js';

export interface TypeOrmParticipantOptions extends SqlParticipantOptions {
  /** Of type `postgres`, `mysql` or `mariadb`. It stays yours: initialize it before, destroy it after. */
  readonly dataSource: DataSource;
}

type InTransaction = (manager: EntityManager) => Promise<unknown>;
type TransactionMethod = (
  ...args: readonly (InTransaction | string | undefined)[]
) => Promise<unknown>;

const NESTED = { propagation: 'NESTED' } as const;
const taken = new WeakSet<DataSource>();

/**
 * A data source of TypeORM that takes part in transactions: inside of one, whatever uses it (repositories, injected
 * or custom ones, the manager, query builders, `dataSource.query`) runs on the connection of the transaction. Outside
 * of transactions it works as ever.
 *
 * - `dataSource.transaction()` inside a transaction is a nested one, as a method with NESTED is: if it fails, its own
 *   work is undone, that on the cache included. Its isolation level is that of the transaction around it.
 * - A query runner that was created outside of a transaction stays outside.
 *
 * The data source is told by overriding `dataSource.createQueryRunner` and `dataSource.manager.transaction` of this
 * one instance, until the application closes.
 */
export class TypeOrmParticipant extends SqlParticipant<TypeOrmConnection> {
  readonly dataSource: DataSource;
  readonly #createPlain: DataSource['createQueryRunner'];
  readonly #restore: readonly (() => void)[];
  #manager: TransactionManager | undefined;

  /** @throws ModuleOptionsError for another type of database, or a data source that takes part already. */
  constructor({ dataSource, ...options }: TypeOrmParticipantOptions) {
    super(dialectOf(dataSource, options.name), options);
    if (taken.has(dataSource)) {
      throw new ModuleOptionsError(
        `The data source of participant ${options.name} belongs to another participant. Give each its own.`,
      );
    }
    taken.add(dataSource);
    this.dataSource = dataSource;
    this.#createPlain = dataSource.createQueryRunner.bind(dataSource);
    this.#restore = [
      override(dataSource, 'createQueryRunner', (mode) => this.#createQueryRunner(mode)),
      this.#nestTransactionsOf(dataSource.manager, () => this.current() !== undefined),
    ];
  }

  /** @internal */
  override bindTo(manager: TransactionManager): void {
    super.bindTo(manager);
    this.#manager = manager;
  }

  /** The data source is as it was before. */
  close(): Promise<void> {
    if (taken.delete(this.dataSource)) for (const restore of this.#restore) restore();
    return Promise.resolve();
  }

  protected connect(): Promise<TypeOrmConnection> {
    return TypeOrmConnection.take(this.#createPlain(), (...of) => this.#kill(...of));
  }

  protected override async canPrepare(connection: TypeOrmConnection): Promise<boolean> {
    const [row] = await connection.execute('SHOW max_prepared_transactions');
    return Number(row?.['max_prepared_transactions']) > 0;
  }

  #createQueryRunner(mode?: 'master' | 'slave'): QueryRunner {
    const branch = this.current();
    if (branch === undefined) return this.#createPlain(mode);
    const runner = bindQueryRunner(this.#createPlain(), branch);
    this.#nestTransactionsOf(runner.manager, () => !runner.isReleased && this.current() === branch);
    return runner;
  }

  /** TypeORM would number savepoints by itself, and those that run side by side would undo each other. */
  #nestTransactionsOf(manager: EntityManager, isWithin: () => boolean): () => void {
    const plain = manager.transaction.bind(manager) as TransactionMethod;
    const transaction: TransactionMethod = async (...args) => {
      const work = args.find((one) => typeof one === 'function');
      return work !== undefined && isWithin() ? this.#nest(work) : plain(...args);
    };
    return override(manager, 'transaction', transaction as EntityManager['transaction']);
  }

  #nest(work: InTransaction): Promise<unknown> {
    const run = async (): Promise<unknown> => {
      const runner = this.dataSource.createQueryRunner();
      try {
        return await work(runner.manager);
      } finally {
        await runner.release();
      }
    };
    return this.#manager!.run(run, NESTED);
  }

  async #kill(...[threadId, port]: Parameters<Kill>): Promise<void> {
    const runner = this.#createPlain();
    try {
      const ask = (statement: string): Promise<SqlRow[]> => runner.query(statement);
      await killMysqlConnection(ask, threadId, port);
    } finally {
      await runner.release();
    }
  }
}

function dialectOf({ options: { type } }: DataSource, name: string): SqlDialect {
  if (type === 'postgres') return new PostgresDialect();
  if (type === 'mysql' || type === 'mariadb') return new MysqlDialect({ xa: false });
  throw new ModuleOptionsError(
    `The data source of participant ${name} is of type ${type}; allowed are postgres, mysql and mariadb.`,
  );
}
