import mysql from 'mysql2/promise';
import { existsSync } from 'node:fs';
import { isAlive } from '../support/guarded-process.js';
import { poll } from '../support/poll.js';
import { describeMariaDb, MariaDbServer } from '../support/mariadb-server.js';
import type { MySqlServerOptions } from '../support/mysql-server.js';

describeMariaDb('MariaDbServer', () => {
  const started: MariaDbServer[] = [];

  async function start(options?: MySqlServerOptions): Promise<MariaDbServer> {
    const server = await MariaDbServer.start(options);
    started.push(server);
    return server;
  }

  afterEach(async () => {
    await Promise.all(started.splice(0).map((server) => server.stop()));
  });

  it('answers on its own port as soon as it is started, and on that alone', async () => {
    const server = await start();

    expect(server.connectionString()).toBe(`mysql://dtx:dtx@127.0.0.1:${server.port}/dtx`);
    expect(await server.query('SELECT 1, 2')).toEqual(['1\t2']);
    expect(await server.query('SELECT @@innodb_flush_log_at_trx_commit')).toEqual(['2']);
    expect(await server.query('SELECT @@bind_address')).toEqual(['127.0.0.1']);
  });

  it('takes options, and arguments of the server', async () => {
    const server = await start({ fsync: true, settings: { 'max-connections': '17' } });

    expect(await server.query('SELECT @@innodb_flush_log_at_trx_commit')).toEqual(['1']);
    expect(await server.query('SELECT @@max_connections')).toEqual(['17']);
  });

  it('creates databases', async () => {
    const server = await start();

    const address = await server.createDatabase('orders');

    expect(address).toEqual({ ...server.address(), database: 'orders' });
    expect(await server.query('SELECT database()', 'orders')).toEqual(['orders']);
  });

  it('is reached by the driver, by address and by URL', async () => {
    const server = await start();

    for (const config of [server.address(), { uri: server.connectionString() }]) {
      const connection = await mysql.createConnection(config);
      expect((await connection.query('SELECT 1 AS one'))[0]).toEqual([{ one: 1 }]);
      await connection.end();
    }
  });

  it('rejects with what the server said', async () => {
    const server = await start();

    await expect(server.query('SELECT absent')).rejects.toThrow("Unknown column 'absent'");
  });

  it('leaves neither process nor folder behind when it is stopped, even while paused', async () => {
    const server = await start();
    const { pid, dir } = server;
    server.pause();

    await server.stop();

    expect(isAlive(pid)).toBe(false);
    expect(existsSync(dir)).toBe(false);
    expect(server.isRunning).toBe(false);
  });

  it('keeps what was committed and prepared over a crash and a restart on the same port', async () => {
    const server = await start();
    const { pid, port } = server;
    await server.query('CREATE TABLE kept (id INT) ENGINE=InnoDB; INSERT INTO kept VALUES (1)');
    await server.query(
      "XA START 'second'; INSERT INTO kept VALUES (2); XA END 'second'; XA PREPARE 'second'",
    );

    await server.kill();
    expect(isAlive(pid)).toBe(false);
    await expect(server.query('SELECT 1')).rejects.toThrow("Can't connect");
    await server.restart();

    expect(server.port).toBe(port);
    expect(server.pid).not.toBe(pid);
    expect(await server.query('SELECT id FROM kept')).toEqual(['1']);
    expect(await server.query("XA COMMIT 'second'; SELECT id FROM kept")).toEqual(['1', '2']);
  });

  it('is down at once when it is killed amid a statement', async () => {
    const server = await start();
    const busy = server.query('SELECT SLEEP(60)').catch(String);
    const asleep = "SELECT COUNT(*) FROM information_schema.processlist WHERE state = 'User sleep'";
    await poll(async () => ((await server.query(asleep))[0] === '1' ? true : undefined), {
      deadlineMs: 5_000,
      until: 'the statement runs',
    });

    await server.kill();
    await server.restart();

    expect(await busy).toContain('Lost connection');
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
    await expect(start({ settings: { 'no-such-option': '1' } })).rejects.toThrow(
      "unknown variable 'no-such-option=1'",
    );
  });
});
