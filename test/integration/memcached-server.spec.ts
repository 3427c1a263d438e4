import { existsSync } from 'node:fs';
import { isAlive } from '../support/guarded-process.js';
import { describeMemcached, MemcachedServer } from '../support/memcached-server.js';

describeMemcached('MemcachedServer', () => {
  let server: MemcachedServer;

  beforeEach(async () => {
    server = await MemcachedServer.start();
  });
  afterEach(() => server.stop());

  it('answers on 127.0.0.1 as soon as it is started, and does not evict', async () => {
    expect(await server.command('stats settings\r\n', 'END\r\n')).toContain('STAT evictions off');
  });

  it('is empty after a restart on the same port', async () => {
    const { pid, port } = server;
    await server.command('set key 0 0 4\r\ntext\r\n');

    await server.restart();

    expect(server.port).toBe(port);
    expect(isAlive(pid)).toBe(false);
    expect(await server.command('get key\r\n')).toBe('END');
  });

  it('says nothing while it is silent, and serves when it is resumed', async () => {
    await server.silence();
    await expect(server.command('version\r\n')).rejects.toThrow('Memcached said: ');

    server.resume();

    expect(await server.command('version\r\n')).toContain('VERSION 1.');
  });

  it('leaves neither process nor folder behind when it is stopped, even while silent', async () => {
    const { pid, dir } = server;
    await server.silence();

    await server.stop();

    expect(isAlive(pid)).toBe(false);
    expect(existsSync(dir)).toBe(false);
  });
});
