import pg from 'pg';
import type { Branch } from '../../lib/participants/branch.js';
import { PgParticipant, postgresMigration } from '../../lib/pg/index.js';
import type { TransactionOptions } from '../../lib/transaction/transaction-options.js';
import type { Transaction } from '../../lib/transaction/transaction.js';
import { branchOf, named } from './caught-branch.js';
import type { PostgresServer } from './postgres-server.js';
import { TestRuntime } from './test-runtime.js';

/** A participant over a pool of four, an application that provides it, and a table `t` of numbers. */
export class PgScene {
  readonly #begun: Transaction[] = [];

  static async create(server: PostgresServer): Promise<PgScene> {
    const own = new pg.Pool({ ...server.address(), max: 4 });
    await own.query(
      `${postgresMigration()} CREATE TABLE IF NOT EXISTS t (id int PRIMARY KEY, v int)`,
    );
    await own.query('TRUNCATE t, dtx_decision');
    const participant = new PgParticipant({ name: 'orders', pool: own });
    const runtime = await TestRuntime.open({ stores: { default: 'embedded' } }, [participant]);
    return new PgScene(own, participant, runtime);
  }

  private constructor(
    /** What is not bound to transactions. */
    readonly own: pg.Pool,
    readonly participant: PgParticipant,
    readonly runtime: TestRuntime,
  ) {}

  begin(options: TransactionOptions = {}): Transaction {
    const transaction = this.runtime.manager.begin({ timeoutMs: 3000, ...options });
    this.#begun.push(transaction);
    return transaction;
  }

  insert(id: number, v = 0): Promise<pg.QueryResult> {
    return this.participant.pool.query('INSERT INTO t VALUES ($1, $2)', [id, v]);
  }

  /** The branch of a new transaction that runs `work`, named as a coordinator would. */
  async openBranch(work: () => Promise<unknown> = () => this.insert(1)): Promise<Branch> {
    return named(await branchOf(this.begin(), work));
  }

  /** As everybody sees it. */
  async ids(): Promise<number[]> {
    const { rows } = await this.own.query<{ id: number }>('SELECT id FROM t ORDER BY id');
    return rows.map(({ id }) => id);
  }

  /** As the current transaction sees it. */
  async seen(): Promise<number[]> {
    const { rows } = await this.participant.pool.query<{ id: number }>(
      'SELECT id FROM t ORDER BY id',
    );
    return rows.map(({ id }) => id);
  }

  async prepared(): Promise<string[]> {
    const { rows } = await this.own.query<{ gid: string }>('SELECT gid FROM pg_prepared_xacts');
    return rows.map(({ gid }) => gid);
  }

  async close(): Promise<void> {
    await Promise.all(this.#begun.map((one) => one.rollback().catch(() => undefined)));
    await this.runtime.close();
    await this.own.end();
  }
}
