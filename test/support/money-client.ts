import mysql from 'mysql2/promise';
import pg from 'pg';
import { MysqlParticipant } from '../../lib/mysql/index.js';
import { PgParticipant } from '../../lib/pg/index.js';
import { TxEntity } from '../../lib/repository/entity-definition.js';
import type { SqlIsolation } from '../../lib/sql/index.js';
import type { TransactionOptions } from '../../lib/transaction/transaction-options.js';
import { Account } from './entities.js';
import type { MySqlAddress } from './mysql-server.js';
import type { PostgresAddress } from './postgres-server.js';
import { TestRuntime } from './test-runtime.js';

/** Where money lies, as one process reaches it. */
export interface MoneyConfig {
  readonly redis: string;
  readonly postgres: PostgresAddress;
  /** Left out where only Redis and PostgreSQL are used. */
  readonly mariadb: MySqlAddress | undefined;
  /** @default 3000 */
  readonly connectTimeoutMs?: number;
  /** Of each pool. @default 6 */
  readonly connections?: number;
  /** How long a statement waits for one of them. @default until the transaction ends */
  readonly acquireTimeoutMs?: number;
  /** How long an outcome can be asked for, and how much clocks may differ. @default as in the module */
  readonly record?: { readonly retentionMs: number; readonly marginMs: number };
  /** Whether this process finishes what others left. @default true */
  readonly recovers?: boolean;
  /** Of the databases. @default serializable, in which what is prepared makes others fail that read beside it */
  readonly isolation?: SqlIsolation;
}

/** The same tables of MariaDB are reached by a participant that is prepared, and by one that decides. */
export const SIDES = ['redis', 'pg', 'maria-xa', 'maria'] as const;
export type Side = (typeof SIDES)[number];

export interface Posting {
  readonly side: Side;
  readonly account: string;
  readonly by: number;
}

/** One per transfer that touched Redis; never changed. */
@TxEntity({ name: 'receipt' })
export class Receipt {
  id!: string;
}

/** One process that moves money between Redis, PostgreSQL and MariaDB. */
export class MoneyClient {
  static async open(config: MoneyConfig): Promise<MoneyClient> {
    const connectMs = config.connectTimeoutMs ?? 3000;
    const pool = new pg.Pool({
      ...config.postgres,
      max: config.connections ?? 6,
      connectionTimeoutMillis: connectMs,
    });
    const { isolation: level, acquireTimeoutMs = Infinity } = config;
    const common = { acquireTimeoutMs, ...(level ? { isolation: level } : {}) };
    const postgres = new PgParticipant({ name: 'pg', pool, ...common });
    const own = (config.mariadb ? ['maria-xa', 'maria'] : []).map((name) => {
      const at = {
        ...config.mariadb,
        connectionLimit: config.connections ?? 6,
        connectTimeout: connectMs,
      };
      return { name, pool: mysql.createPool(at), xa: name === 'maria-xa', ...common };
    });
    const mariadb = own.map((options) => new MysqlParticipant(options));
    const runtime = await TestRuntime.open(
      {
        redis: config.redis,
        ...(config.record ? { record: config.record } : {}),
        recovery: {
          enabled: config.recovers ?? true,
          intervalMs: 150,
          heartbeatMs: 150,
          lapseMs: 700,
        },
      },
      [postgres, ...mariadb],
    );
    return new MoneyClient(runtime, postgres, mariadb, [pool, ...own.map((one) => one.pool)]);
  }

  #closing: Promise<void> | undefined;

  private constructor(
    readonly runtime: TestRuntime,
    readonly postgres: PgParticipant,
    readonly mariadb: readonly MysqlParticipant[],
    /** Not bound to transactions. */
    readonly pools: readonly [pg.Pool, ...mysql.Pool[]],
  ) {}

  /** All postings of a transfer and its receipts, in one transaction. */
  transfer(
    id: string,
    postings: readonly Posting[],
    options: TransactionOptions,
    onAddress: (address: string) => void = () => undefined,
  ): Promise<void> {
    const { manager } = this.runtime;
    return manager.run(async () => {
      const noted = new Set<Side>();
      for (const posting of postings) {
        await this.post(posting);
        if (!noted.has(posting.side)) await this.note(posting.side, id);
        noted.add(posting.side);
      }
      onAddress(manager.current()!.address);
    }, options);
  }

  async post({ side, account, by }: Posting): Promise<void> {
    if (side === 'redis') {
      const accounts = this.runtime.repository(Account);
      const found = await accounts.findOneOrFail(account);
      await accounts.save({ ...found, balance: found.balance + by });
    } else if (side === 'pg') {
      const text = 'UPDATE account SET balance = balance + $2 WHERE id = $1';
      await this.postgres.pool.query(text, [account, by]);
    } else {
      const text = 'UPDATE account SET balance = balance + ? WHERE id = ?';
      await this.#maria(side).pool.execute(text, [by, account]);
    }
  }

  async note(side: Side, id: string): Promise<void> {
    if (side === 'redis') await this.runtime.repository(Receipt).insert({ id });
    else if (side === 'pg') {
      await this.postgres.pool.query('INSERT INTO receipt VALUES ($1)', [id]);
    } else await this.#maria(side).pool.execute('INSERT INTO receipt VALUES (?)', [id]);
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    await this.runtime.close();
    await Promise.all(this.pools.map((pool) => pool.end()));
  }

  #maria(side: Side): MysqlParticipant {
    const found = this.mariadb.find(({ name }) => name === side);
    if (found === undefined) throw new Error(`There is no ${side}.`);
    return found;
  }
}
