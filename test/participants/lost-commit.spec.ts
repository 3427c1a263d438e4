import mysql from 'mysql2/promise';
import pg from 'pg';
import { MysqlParticipant, mysqlMigration } from '../../lib/mysql/index.js';
import type { Participant } from '../../lib/participants/participant.js';
import { PgParticipant, postgresMigration } from '../../lib/pg/index.js';
import { CuttingProxy } from '../support/cutting-proxy.js';
import { Account } from '../support/entities.js';
import { describeMariaDb, MariaDbServer } from '../support/mariadb-server.js';
import { poll } from '../support/poll.js';
import { describePostgres, PostgresServer } from '../support/postgres-server.js';
import { TestRuntime } from '../support/test-runtime.js';

interface Client {
  readonly participant: Participant;
  /** In the current transaction, if any. */
  write(id: number): Promise<unknown>;
  /** Around the participant. */
  count(): Promise<number>;
  prepared(): Promise<number>;
  close(): Promise<void>;
}

/** What the caller hears, and what the cache and the database have after it. */
interface Result {
  readonly heard: 'committed' | 'rolled_back';
  readonly inCache: boolean;
  readonly inDatabase: number;
}

async function runThrough(client: Client, others: readonly Participant[] = []): Promise<Result> {
  const runtime = await TestRuntime.open({ stores: { default: 'embedded' } }, [
    client.participant,
    ...others,
  ]);
  const accounts = runtime.repository(Account);
  try {
    const call = runtime.manager.run(
      async () => {
        await accounts.save({ id: 'a', balance: 1, points: 0 });
        await client.write(1);
      },
      { timeoutMs: 4000, retry: { attempts: 1 } },
    );
    const heard = await call.then(
      () => 'committed' as const,
      () => 'rolled_back' as const,
    );
    await poll(async () => ((await client.prepared()) === 0 ? true : undefined), {
      deadlineMs: 5000,
      until: 'nothing is prepared any more',
    });
    const inCache = await accounts.exists('a');
    return { heard, inCache, inDatabase: await client.count() };
  } finally {
    await runtime.close();
  }
}

const COMMITTED: Result = { heard: 'committed', inCache: true, inDatabase: 1 };
const ROLLED_BACK: Result = { heard: 'rolled_back', inCache: false, inDatabase: 0 };

describePostgres('a commit whose connection to PostgreSQL is cut', () => {
  let server: PostgresServer;
  let proxy: CuttingProxy;
  let client: Client;

  beforeAll(async () => {
    server = await PostgresServer.start({ maxPreparedTransactions: 10 });
    await server.query(`${postgresMigration()} CREATE TABLE t (id int PRIMARY KEY)`);
  });

  afterAll(() => server.stop());

  beforeEach(async () => {
    await server.query('TRUNCATE t');
    proxy = await CuttingProxy.start(server.port);
    client = open();
  });

  afterEach(async () => {
    await client.close();
    await proxy.close();
  });

  function open(): Client {
    const pool = new pg.Pool({ ...server.address(), port: proxy.port, max: 3 });
    const participant = new PgParticipant({ name: 'orders', pool });
    const countOf = async (table: string): Promise<number> =>
      Number((await server.query(`SELECT count(*) FROM ${table}`))[0]);
    return {
      participant,
      write: (id) => participant.pool.query('INSERT INTO t VALUES ($1)', [id]),
      count: () => countOf('t'),
      prepared: () => countOf('pg_prepared_xacts'),
      close: () => pool.end(),
    };
  }

  it.each([
    ['COMMIT', 'request', ROLLED_BACK],
    ['COMMIT', 'reply', COMMITTED],
    ['INSERT INTO t', 'reply', ROLLED_BACK],
  ] as const)('at %s, of which the %s is lost, has one outcome', async (text, cut, result) => {
    proxy.cutAt(text, cut);

    expect(await runThrough(client)).toEqual(result);
    expect(proxy.cuts).toBe(1);
  });

  it('while it is fenced is asked again', async () => {
    proxy.cutAt('COMMIT', 'reply');
    const running = runThrough(client);
    await poll(() => (proxy.cuts === 1 ? true : undefined), {
      deadlineMs: 5000,
      until: 'it is cut',
    });
    proxy.cutAt("'r'", 'request');

    expect(await running).toEqual(COMMITTED);
  });
});

describeMariaDb('a commit whose connection to MariaDB is cut', () => {
  let server: MariaDbServer;
  let postgres: PostgresServer;
  let proxy: CuttingProxy;
  let client: Client;

  beforeAll(async () => {
    [server, postgres] = await Promise.all([MariaDbServer.start(), PostgresServer.start()]);
    await server.query(`${mysqlMigration()} CREATE TABLE t (id int PRIMARY KEY) ENGINE = InnoDB`);
    await postgres.query(postgresMigration());
  });

  afterAll(() => Promise.all([server.stop(), postgres.stop()]));

  beforeEach(async () => {
    await server.query('DELETE FROM t');
    proxy = await CuttingProxy.start(server.port);
  });

  afterEach(async () => {
    await client.close();
    await proxy.close();
  });

  function open(xa: boolean): Client {
    const pool = mysql.createPool({
      ...server.address(),
      port: proxy.port,
      connectionLimit: 3,
    });
    const participant = new MysqlParticipant({ name: 'orders', pool, xa });
    return {
      participant,
      write: (id) => participant.pool.query('INSERT INTO t VALUES (?)', [id]),
      count: async () => Number((await server.query('SELECT count(*) FROM t'))[0]),
      prepared: async () => (await server.query('XA RECOVER')).length,
      close: () => pool.end(),
    };
  }

  it.each([
    ['COMMIT', 'request', ROLLED_BACK],
    ['COMMIT', 'reply', COMMITTED],
    ['INSERT INTO dtx_decision', 'request', ROLLED_BACK],
  ] as const)('at %s, of which the %s is lost, has one outcome', async (text, cut, result) => {
    client = open(false);
    proxy.cutAt(text, cut);

    expect(await runThrough(client)).toEqual(result);
    expect(proxy.cuts).toBe(1);
  });

  it.each([
    ['XA PREPARE', 'request', ROLLED_BACK],
    ['XA PREPARE', 'reply', ROLLED_BACK],
    ['XA COMMIT', 'request', COMMITTED],
    ['XA COMMIT', 'reply', COMMITTED],
  ] as const)('at %s, of which the %s is lost, has one outcome', async (text, cut, result) => {
    client = open(true);
    proxy.cutAt(text, cut);

    expect(await runThrough(client)).toEqual(result);
    expect(proxy.cuts).toBe(1);
  });
});
