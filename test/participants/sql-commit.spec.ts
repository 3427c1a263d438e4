import mysql from 'mysql2/promise';
import pg from 'pg';
import { MysqlParticipant } from '../../lib/mysql/index.js';
import { PgParticipant, postgresMigration } from '../../lib/pg/index.js';
import type { TxRepository } from '../../lib/repository/tx-repository.js';
import { Propagation } from '../../lib/transaction/propagation.js';
import { Account } from '../support/entities.js';
import { describeMariaDb, MariaDbServer } from '../support/mariadb-server.js';
import { poll } from '../support/poll.js';
import { describePostgres, PostgresServer } from '../support/postgres-server.js';
import { TestRuntime } from '../support/test-runtime.js';

/** Tables of accounts, as the cache has them. */
const TABLE = 'CREATE TABLE IF NOT EXISTS account (id varchar(40) PRIMARY KEY, balance int)';

describePostgres('a transaction over the cache and databases', () => {
  let postgres: PostgresServer;
  let orders: PgParticipant;
  let stock: PgParticipant;
  let pools: pg.Pool[];
  let runtime: TestRuntime;
  let accounts: TxRepository<Account>;

  beforeAll(async () => {
    postgres = await PostgresServer.start({ maxPreparedTransactions: 20 });
    await postgres.createDatabase('stock');
  });

  afterAll(() => postgres.stop());

  async function openPool(database: string): Promise<pg.Pool> {
    const pool = new pg.Pool({ ...postgres.address(database), max: 5 });
    await pool.query(`${postgresMigration()} ${TABLE}`);
    await pool.query("TRUNCATE account, dtx_decision; INSERT INTO account VALUES ('a', 0)");
    return pool;
  }

  beforeEach(async () => {
    pools = [await openPool('postgres'), await openPool('stock')];
    orders = new PgParticipant({ name: 'orders', pool: pools[0]! });
    stock = new PgParticipant({ name: 'stock', pool: pools[1]! });
    runtime = await TestRuntime.open({ stores: { default: 'embedded' } }, [orders, stock]);
    accounts = runtime.repository(Account);
    await accounts.save({ id: 'a', balance: 0, points: 0 });
  });

  afterEach(async () => {
    await runtime.close();
    await Promise.all(pools.map((pool) => pool.end()));
  });

  /** Reads, and writes one more: lost updates show. */
  async function addTo(participant: PgParticipant): Promise<void> {
    const { rows } = await participant.pool.query<{ balance: number }>(
      "SELECT balance FROM account WHERE id = 'a'",
    );
    await participant.pool.query("UPDATE account SET balance = $1 WHERE id = 'a'", [
      rows[0]!.balance + 1,
    ]);
  }

  async function addToCache(): Promise<void> {
    const account = await accounts.findOneOrFail('a');
    await accounts.save({ ...account, balance: account.balance + 1 });
  }

  async function balances(): Promise<number[]> {
    const { balance } = await accounts.findOneOrFail('a');
    const inPools = pools.map(async (pool) => {
      const { rows } = await pool.query<{ balance: number }>('SELECT balance FROM account');
      return rows[0]!.balance;
    });
    return [balance, ...(await Promise.all(inPools))];
  }

  /** What is prepared may be committed a little after the caller has his answer. */
  async function settled(): Promise<void> {
    const left = async (): Promise<number> =>
      (await pools[0]!.query('SELECT 1 FROM pg_prepared_xacts')).rowCount!;
    await poll(async () => ((await left()) === 0 ? true : undefined), {
      deadlineMs: 5000,
      until: 'nothing is prepared any more',
    });
  }

  it('commits what was written to the cache and to one database', async () => {
    await runtime.manager.run(async () => {
      await addToCache();
      await addTo(orders);
    });

    expect(await balances()).toEqual([1, 1, 0]);
    const { rows } = await pools[0]!.query('SELECT outcome FROM dtx_decision');
    expect(rows).toEqual([{ outcome: 'c' }]);
  });

  it('commits to two databases, of which one is prepared', async () => {
    await runtime.manager.run(async () => {
      await addTo(orders);
      await addTo(stock);
      await addToCache();
    });

    await settled();
    expect(await balances()).toEqual([1, 1, 1]);
  });

  it('rolls back everywhere', async () => {
    const failing = runtime.manager.run(async () => {
      await addToCache();
      await addTo(orders);
      await addTo(stock);
      throw new Error('failed');
    });

    await expect(failing).rejects.toThrow('failed');
    expect(await balances()).toEqual([0, 0, 0]);
    expect(pools.map(({ totalCount, idleCount }) => totalCount - idleCount)).toEqual([0, 0]);
  });

  it('rolls back a nested method everywhere, and commits the rest', async () => {
    await runtime.manager.run(async () => {
      await addTo(orders);
      const nested = runtime.manager.run(
        async () => {
          await Promise.all([addToCache(), addTo(orders), addTo(stock)]);
          throw new Error('failed');
        },
        { propagation: Propagation.NESTED },
      );
      await nested.catch(() => undefined);
    });

    expect(await balances()).toEqual([0, 1, 0]);
  });

  it('only reads, in the database as well', async () => {
    const read = await runtime.manager.run(
      async () => (await orders.pool.query('SELECT balance FROM account')).rows,
      { readOnly: true },
    );
    const writing = runtime.manager.run(() => addTo(orders), { readOnly: true });

    expect(read).toEqual([{ balance: 0 }]);
    await expect(writing).rejects.toMatchObject({ code: '25006' });
  });

  it.each([1, 2])('loses no update of many at a time, with %s databases', async (count) => {
    const participants = [orders, stock].slice(0, count);
    const call = (): Promise<void> =>
      runtime.manager.run(
        async () => {
          await addToCache();
          for (const participant of participants) await addTo(participant);
        },
        { timeoutMs: 20_000, retry: { attempts: 100 } },
      );
    for (let round = 0; round < 5; round++) await Promise.all([call(), call(), call(), call()]);

    await settled();
    expect(await balances()).toEqual([20, 20, count === 2 ? 20 : 0]);
  });

  it('loses nothing to a conflict that only the database sees', async () => {
    const call = (): Promise<void> =>
      runtime.manager.run(() => addTo(orders), { timeoutMs: 20_000, retry: { attempts: 100 } });
    for (let round = 0; round < 5; round++) await Promise.all([call(), call(), call(), call()]);

    expect(await balances()).toEqual([0, 20, 0]);
  });

  describeMariaDb('of PostgreSQL and MariaDB', () => {
    let maria: MariaDbServer;
    let pool: mysql.Pool;
    let billing: MysqlParticipant;
    let both: TestRuntime;
    let decider: PgParticipant;

    beforeAll(async () => {
      maria = await MariaDbServer.start();
    });

    afterAll(() => maria.stop());

    beforeEach(async () => {
      pool = mysql.createPool({ ...maria.address(), connectionLimit: 5 });
      await pool.query(`${TABLE} ENGINE = InnoDB`);
      await pool.query("REPLACE INTO account VALUES ('a', 0)");
      billing = new MysqlParticipant({ name: 'billing', pool, xa: true });
      decider = new PgParticipant({ name: 'orders', pool: pools[0]! });
      both = await TestRuntime.open({ stores: { default: 'embedded' } }, [decider, billing]);
    });

    afterEach(async () => {
      await both.close();
      await pool.end();
    });

    function bill(): Promise<unknown> {
      return billing.pool.query("UPDATE account SET balance = balance + 1 WHERE id = 'a'");
    }

    async function xaSettled(): Promise<void> {
      const left = async (): Promise<number> =>
        (await pool.query<mysql.RowDataPacket[]>('XA RECOVER'))[0].length;
      await poll(async () => ((await left()) === 0 ? true : undefined), {
        deadlineMs: 5000,
        until: 'nothing is prepared any more',
      });
    }

    async function billed(): Promise<unknown> {
      const [[row]] = await pool.query<mysql.RowDataPacket[]>('SELECT balance FROM account');
      return row?.['balance'];
    }

    it('commits both, the one by its decision and the other prepared', async () => {
      await both.manager.run(async () => {
        await bill();
        await addTo(decider);
      });

      await xaSettled();
      expect([await billed(), (await balances())[1]]).toEqual([1, 1]);
    });

    it('rolls back both when the method fails, or one of them refuses', async () => {
      const failing = both.manager.run(async () => {
        await bill();
        await addTo(decider);
        throw new Error('failed');
      });
      await expect(failing).rejects.toThrow('failed');
      const refused = both.manager.run(async () => {
        await bill();
        await decider.pool.query("INSERT INTO account VALUES ('a', 1)").catch(() => undefined);
      });

      await expect(refused).rejects.toMatchObject({ cause: { code: '23505' } });
      await xaSettled();
      expect([await billed(), (await balances())[1]]).toEqual([0, 0]);
    });

    it('commits what only the other one has written', async () => {
      await both.manager.run(bill);

      await xaSettled();
      expect(await billed()).toBe(1);
    });
  });
});
