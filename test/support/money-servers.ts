import { mysqlMigration } from '../../lib/mysql/index.js';
import { postgresMigration } from '../../lib/pg/index.js';
import { parseStoredItem } from '../../lib/store/stored-item.js';
import { Account } from './entities.js';
import { MariaDbServer } from './mariadb-server.js';
import { MoneyClient, type MoneyConfig } from './money-client.js';
import { PostgresServer } from './postgres-server.js';
import { RedisServer } from './redis-server.js';

/** Names of prepared transactions, and texts of Redis, that are none of this library's business. */
const DECOYS = {
  postgres: ['somebody', 'dtx:', 'dtx:other:x@y@1:pg:1'],
  mariadb: ["'somebody'", "'other:x@y@1:maria-xa:1','',6583416"],
};
/** As MariaDB lists them. */
const DECOY_XIDS = ['somebody', 'other:x@y@1:maria-xa:1'];

export interface MoneyServersOptions {
  readonly accounts: readonly string[];
  /** What each account begins with, on each side. */
  readonly balance: number;
  readonly withMariaDb: boolean;
}

/** Where the transfer was noted: once on each side, or not at all. */
export interface Receipts {
  readonly redis: ReadonlySet<string>;
  readonly pg: ReadonlySet<string>;
  readonly maria: ReadonlySet<string>;
}

/** Redis, PostgreSQL and MariaDB with accounts, looked at from outside. */
export class MoneyServers {
  static async start(options: MoneyServersOptions): Promise<MoneyServers> {
    const [redis, postgres, mariadb] = await Promise.all([
      RedisServer.start({ config: { appendonly: 'yes', appendfsync: 'always' } }),
      PostgresServer.start({ maxPreparedTransactions: 60 }),
      options.withMariaDb ? MariaDbServer.start() : undefined,
    ]);
    const servers = new MoneyServers(redis, postgres, mariadb);
    await servers.#prepare(options);
    return servers;
  }

  private constructor(
    readonly redis: RedisServer,
    readonly postgres: PostgresServer,
    readonly mariadb: MariaDbServer | undefined,
  ) {}

  get config(): MoneyConfig {
    return {
      redis: this.redis.url,
      postgres: this.postgres.address(),
      mariadb: this.mariadb?.address(),
    };
  }

  async stop(): Promise<void> {
    await Promise.all([this.redis.stop(), this.postgres.stop(), this.mariadb?.stop()]);
  }

  /** Prepares transactions of others, which must stay. */
  async addDecoys(): Promise<void> {
    for (const [nth, name] of DECOYS.postgres.entries()) {
      const work = `BEGIN; INSERT INTO receipt VALUES ('decoy ${nth}'); PREPARE TRANSACTION '${name}'`;
      await this.postgres.query(work);
    }
    for (const [nth, name] of (this.mariadb === undefined ? [] : DECOYS.mariadb).entries()) {
      const work = `INSERT INTO receipt VALUES ('decoy ${nth}')`;
      const statements = [`XA START ${name}`, work, `XA END ${name}`, `XA PREPARE ${name}`];
      await this.mariadb!.query(statements.join('; '));
    }
  }

  /** How many of them stand. */
  async decoys(): Promise<{ readonly postgres: number; readonly mariadb: number }> {
    const [postgres, mariadb] = await Promise.all([this.#preparedInPg(), this.#preparedInMaria()]);
    return {
      postgres: postgres.filter((name) => DECOYS.postgres.includes(name)).length,
      mariadb: mariadb.filter((name) => DECOY_XIDS.includes(name)).length,
    };
  }

  /** Everything that a transaction of ours still holds anywhere, or is noted for, in words. */
  async leftovers(): Promise<string[]> {
    const [postgres, mariadb, redis] = await Promise.all([
      this.#preparedInPg(),
      this.#preparedInMaria(),
      this.#heldInRedis(),
    ]);
    return [
      ...postgres
        .filter((name) => !DECOYS.postgres.includes(name))
        .map((name) => `PostgreSQL has prepared ${name}`),
      ...mariadb
        .filter((name) => !DECOY_XIDS.includes(name))
        .map((name) => `MariaDB has prepared ${name}`),
      ...redis,
    ];
  }

  async balances(): Promise<{ redis: number; pg: number; maria: number }> {
    const sum = 'SELECT sum(balance) FROM account';
    const [items, pg, maria] = await Promise.all([
      this.#redisTexts('account:*'),
      this.postgres.query(sum),
      this.mariadb?.query(sum) ?? ['0'],
    ]);
    const redis = items.reduce((total, text) => total + balanceIn(text), 0);
    return { redis, pg: Number(pg[0]), maria: Number(maria[0]) };
  }

  /** Of one account on each side. */
  async balanceOf(id: string): Promise<{ redis: number; pg: number; maria: number }> {
    const query = `SELECT balance FROM account WHERE id = '${id}'`;
    const [item, pg, maria] = await Promise.all([
      this.redis.command('GET', `account:${id}`),
      this.postgres.query(query),
      this.mariadb?.query(query) ?? ['0'],
    ]);
    return { redis: balanceIn(String(item)), pg: Number(pg[0]), maria: Number(maria[0]) };
  }

  async receipts(): Promise<Receipts> {
    const query = 'SELECT id FROM receipt';
    const [keys, pg, maria] = await Promise.all([
      this.redis.command('KEYS', 'receipt:*') as Promise<string[]>,
      this.postgres.query(query),
      this.mariadb?.query(query) ?? [],
    ]);
    const redis = new Set(keys.map((key) => key.slice('receipt:'.length)));
    return { redis, pg: new Set(pg), maria: new Set(maria) };
  }

  async #prepare({ accounts, balance }: MoneyServersOptions): Promise<void> {
    const values = accounts.map((id) => `('${id}', ${balance})`).join(', ');
    await this.postgres.query(
      `${postgresMigration()}
      CREATE TABLE account (id text PRIMARY KEY, balance bigint NOT NULL);
      CREATE TABLE receipt (id text, UNIQUE (id) DEFERRABLE INITIALLY DEFERRED);
      INSERT INTO account VALUES ${values}`,
    );
    await this.mariadb?.query(
      `${mysqlMigration()}
      CREATE TABLE account (id varchar(40) PRIMARY KEY, balance bigint NOT NULL) ENGINE = InnoDB;
      CREATE TABLE receipt (id varchar(40) PRIMARY KEY) ENGINE = InnoDB;
      INSERT INTO account VALUES ${values}`,
    );
    const client = await MoneyClient.open(this.config);
    const repository = client.runtime.repository(Account);
    for (const id of accounts) await repository.insert({ id, balance, points: 0 });
    await client.close();
  }

  #preparedInPg(): Promise<string[]> {
    return this.postgres.query('SELECT gid FROM pg_prepared_xacts');
  }

  async #preparedInMaria(): Promise<string[]> {
    const rows = (await this.mariadb?.query('XA RECOVER')) ?? [];
    return rows.map((row) => row.split('\t').at(-1)!);
  }

  async #heldInRedis(): Promise<string[]> {
    const held: string[] = [];
    for (const key of await this.#keys('*')) {
      if (/:journal:[^:]*$/.test(key)) {
        const notes = await this.redis.command('HKEYS', key);
        if (Array.isArray(notes) && notes.length > 0) held.push(`Redis notes ${notes.join(', ')}`);
        continue;
      }
      if (key.startsWith('dtx:') && !key.includes(':tx:')) continue;
      const text = String(await this.redis.command('GET', key));
      const isHeld = key.includes(':tx:') ? text.startsWith('pending') : /^[^|]*\*/.test(text);
      if (isHeld) held.push(`Redis holds ${key} ${text.slice(0, 300)}`);
    }
    return held;
  }

  async #keys(pattern: string): Promise<string[]> {
    return (await this.redis.command('KEYS', pattern)) as string[];
  }

  async #redisTexts(pattern: string): Promise<string[]> {
    const keys = await this.#keys(pattern);
    return Promise.all(keys.map(async (key) => String(await this.redis.command('GET', key))));
  }
}

function balanceIn(text: string): number {
  const item = parseStoredItem(text);
  if (item?.kind !== 'item') return NaN;
  return (JSON.parse(item.payload) as Account).balance;
}
