import mysql from 'mysql2/promise';
import type { Branch } from '../../lib/participants/branch.js';
import { MysqlParticipant, mysqlMigration } from '../../lib/mysql/index.js';
import type { TransactionOptions } from '../../lib/transaction/transaction-options.js';
import type { Transaction } from '../../lib/transaction/transaction.js';
import { branchOf, named } from './caught-branch.js';
import type { MySqlLikeServer } from './mysql-server.js';
import { TestRuntime } from './test-runtime.js';

/** A participant over a pool of four, an application that provides it, and a table `t` of numbers. */
export class MysqlScene {
  readonly #begun: Transaction[] = [];

  static async create(
    server: MySqlLikeServer,
    { xa = false, connectionLimit = 4 } = {},
  ): Promise<MysqlScene> {
    const own = mysql.createPool({ ...server.address(), connectionLimit });
    await own.query(mysqlMigration());
    await own.query('CREATE TABLE IF NOT EXISTS t (id int PRIMARY KEY, v int) ENGINE = InnoDB');
    await own.query('DELETE FROM t');
    await own.query('DELETE FROM dtx_decision');
    const participant = new MysqlParticipant({ name: 'orders', pool: own, xa });
    const runtime = await TestRuntime.open({ stores: { default: 'embedded' } }, [participant]);
    return new MysqlScene(own, participant, runtime);
  }

  private constructor(
    /** What is not bound to transactions. */
    readonly own: mysql.Pool,
    readonly participant: MysqlParticipant,
    readonly runtime: TestRuntime,
  ) {}

  begin(options: TransactionOptions = {}): Transaction {
    const transaction = this.runtime.manager.begin({ timeoutMs: 3000, ...options });
    this.#begun.push(transaction);
    return transaction;
  }

  async insert(id: number, v = 0): Promise<void> {
    await this.participant.pool.execute('INSERT INTO t VALUES (?, ?)', [id, v]);
  }

  /** The branch of a new transaction that runs `work`, named as a coordinator would. */
  async openBranch(
    work: () => Promise<unknown> = () => this.insert(1),
    name: (branch: Branch) => Branch = named,
  ): Promise<Branch> {
    const transaction = this.begin();
    let branch: Branch | undefined;
    transaction.nameBranch = (given) => Promise.resolve(void (branch = name(given)));
    const caught = await branchOf(transaction, work);
    return branch ?? name(caught);
  }

  /** As everybody sees it. */
  async ids(): Promise<number[]> {
    return toIds(await this.own.query<IdRow[]>('SELECT id FROM t ORDER BY id'));
  }

  /** As the current transaction sees it. */
  async seen(): Promise<number[]> {
    return toIds(await this.participant.pool.query<IdRow[]>('SELECT id FROM t ORDER BY id'));
  }

  async prepared(): Promise<string[]> {
    const [rows] = await this.own.query<(mysql.RowDataPacket & { data: string })[]>('XA RECOVER');
    return rows.map(({ data }) => data);
  }

  async close(): Promise<void> {
    await Promise.all(this.#begun.map((one) => one.rollback().catch(() => undefined)));
    await this.runtime.close();
    await this.own.end();
  }
}

type IdRow = mysql.RowDataPacket & { readonly id: number };

function toIds([rows]: [IdRow[], unknown]): number[] {
  return rows.map(({ id }) => id);
}
