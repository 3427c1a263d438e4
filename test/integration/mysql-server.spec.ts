import { existsSync } from 'node:fs';
import mysql from 'mysql2/promise';
import { isAlive } from '../support/guarded-process.js';
import { describeMySql, MySqlServer } from '../support/mysql-server.js';

describeMySql('MySqlServer', () => {
  let server: MySqlServer;

  beforeEach(async () => {
    server = await MySqlServer.start();
  });

  afterEach(() => server.stop());

  it('is reached by its client and by the driver as soon as it is started', async () => {
    const connection = await mysql.createConnection(server.address());
    const [rows] = await connection.query('SELECT 1 AS one');
    await connection.end();

    expect(rows).toEqual([{ one: 1 }]);
    expect(await server.query('SELECT 1, 2')).toEqual(['1\t2']);
  });

  it('keeps what was committed and prepared over a crash and a restart on the same port', async () => {
    const { pid, port } = server;
    await server.query('CREATE TABLE kept (id INT); INSERT INTO kept VALUES (1)');
    await server.query(
      "XA START 'second'; INSERT INTO kept VALUES (2); XA END 'second'; XA PREPARE 'second'",
    );

    await server.kill();
    expect(isAlive(pid)).toBe(false);
    await server.restart();

    expect(server.port).toBe(port);
    expect(await server.query('SELECT id FROM kept')).toEqual(['1']);
    expect(await server.query("XA COMMIT 'second'; SELECT id FROM kept")).toEqual(['1', '2']);
  });

  it('leaves neither process nor folder behind when it is stopped, even while paused', async () => {
    const { pid, dir } = server;
    server.pause();

    await server.stop();

    expect(isAlive(pid)).toBe(false);
    expect(existsSync(dir)).toBe(false);
  });
});
