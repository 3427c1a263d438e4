import { existsSync } from 'node:fs';
import pg from 'pg';
import { childrenOf, isGone } from '../support/child-processes.js';
import { isAlive } from '../support/guarded-process.js';
import { poll } from '../support/poll.js';
import {
  describePostgres,
  PostgresServer,
  type PostgresServerOptions,
} from '../support/postgres-server.js';

describePostgres('PostgresServer', () => {
  const started: PostgresServer[] = [];

  async function start(options?: PostgresServerOptions): Promise<PostgresServer> {
    const server = await PostgresServer.start(options);
    started.push(server);
    return server;
  }

  afterEach(async () => {
    await Promise.all(started.splice(0).map((server) => server.stop()));
  });

  it('answers on its own port as soon as it is started, and on that alone', async () => {
    const server = await start();

    expect(server.connectionString()).toBe(
      `postgresql://postgres:postgres@127.0.0.1:${server.port}/postgres`,
    );
    expect(await server.query('SELECT 1, 2')).toEqual(['1|2']);
    expect(await server.query('SHOW fsync')).toEqual(['off']);
    expect(await server.query('SHOW max_prepared_transactions')).toEqual(['10']);
    expect(await server.query('SHOW unix_socket_directories')).toEqual([]);
    expect(await server.query('SHOW listen_addresses')).toEqual(['127.0.0.1']);
  });

  it('takes options, and settings of its configuration', async () => {
    const settings = { max_connections: '7' };
    const server = await start({ fsync: true, maxPreparedTransactions: 0, settings });

    expect(await server.query('SHOW fsync')).toEqual(['on']);
    expect(await server.query('SHOW max_prepared_transactions')).toEqual(['0']);
    expect(await server.query('SHOW max_connections')).toEqual(['7']);
  });

  it('creates databases', async () => {
    const server = await start();

    const address = await server.createDatabase('orders');

    expect(address).toEqual({ ...server.address(), database: 'orders' });
    expect(await server.query('SELECT current_database()', 'orders')).toEqual(['orders']);
  });

  it('is reached by the driver, by address and by URL', async () => {
    const server = await start();
    const connectionString = server.connectionString();

    for (const config of [server.address(), { connectionString }]) {
      const client = new pg.Client(config);
      await client.connect();
      expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
      await client.end();
    }
  });

  it('rejects with what the server said', async () => {
    const server = await start();

    await expect(server.query('SELECT absent')).rejects.toThrow('column "absent" does not exist');
  });

  it('leaves neither process nor folder behind when it is stopped, even while paused', async () => {
    const server = await start();
    const { pid, dir } = server;
    const children = childrenOf(pid);
    server.pause();

    await server.stop();

    expect(isAlive(pid)).toBe(false);
    expect(children.filter((child) => !isGone(child))).toEqual([]);
    expect(existsSync(dir)).toBe(false);
    expect(server.isRunning).toBe(false);
  });

  it('keeps what was committed and prepared over a crash and a restart on the same port', async () => {
    const server = await start();
    const { pid, port } = server;
    await server.query('CREATE TABLE kept AS SELECT 1 AS id');
    await server.query("BEGIN; INSERT INTO kept VALUES (2); PREPARE TRANSACTION 'second'");
    const children = childrenOf(pid);

    await server.kill();
    expect(isAlive(pid)).toBe(false);
    expect(children.filter((child) => !isGone(child))).toEqual([]);
    await expect(server.query('SELECT 1')).rejects.toThrow('Connection refused');
    await server.restart();

    expect(server.port).toBe(port);
    expect(server.pid).not.toBe(pid);
    expect(await server.query('SELECT id FROM kept')).toEqual(['1']);
    await server.query("COMMIT PREPARED 'second'");
    expect(await server.query('SELECT id FROM kept')).toEqual(['1', '2']);
  });

  it('is down at once when it is killed amid a statement', async () => {
    const server = await start();
    const busy = server.query('SELECT pg_sleep(60)').catch(String);
    const asleep = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
    await poll(async () => ((await server.query(asleep))[0] === '1' ? true : undefined), {
      deadlineMs: 5_000,
      until: 'the statement runs',
    });

    await server.kill();
    await server.restart();

    expect(await busy).toContain('server closed the connection');
    expect(await server.query(asleep)).toEqual(['0']);
  });

  it('answers nothing while paused, and everything after', async () => {
    const server = await start();

    server.pause();
    const reply = server.query('SELECT 1');
    const first = await Promise.race([
      reply,
      new Promise((resolve) => setTimeout(resolve, 100, '')),
    ]);
    server.resume();

    expect(first).toBe('');
    expect(await reply).toEqual(['1']);
  });

  it('names the reason when the server refuses its configuration', async () => {
    await expect(start({ settings: { no_such_option: '1' } })).rejects.toThrow(
      'unrecognized configuration parameter "no_such_option"',
    );
  });
});
