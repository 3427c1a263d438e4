import { existsSync } from 'node:fs';
import { isAlive } from '../support/guarded-process.js';
import { RedisCluster } from '../support/redis-cluster.js';
import { describeRedis, RedisServer } from '../support/redis-server.js';

describeRedis('RedisServer', () => {
  const started: RedisServer[] = [];

  async function start(config?: Record<string, string>): Promise<RedisServer> {
    const server = await RedisServer.start({ config });
    started.push(server);
    return server;
  }

  afterEach(async () => {
    await Promise.all(started.splice(0).map((server) => server.stop()));
  });

  it('answers on its own port as soon as it is started', async () => {
    const server = await start();

    expect(server.url).toBe(`redis://127.0.0.1:${server.port}`);
    expect(await server.command('PING')).toBe('PONG');
    expect(await server.command('CONFIG', 'GET', 'save')).toEqual(['save', '']);
    expect(await server.command('GET', 'absent')).toBeNull();
    expect(await server.command('DBSIZE')).toBe(0);
  });

  it('takes lines of configuration', async () => {
    const server = await start({ save: '3600 1 300 100', maxmemory: '10mb' });

    expect(await server.command('CONFIG', 'GET', 'save')).toEqual(['save', '3600 1 300 100']);
    expect(await server.command('CONFIG', 'GET', 'maxmemory')).toEqual(['maxmemory', '10485760']);
  });

  it('starts behind a password, and says when a command is refused', async () => {
    const server = await start({ requirepass: 'secret' });

    await expect(server.command('GET', 'a')).rejects.toThrow('NOAUTH');
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

  it('keeps what was persisted over a crash and a restart on the same port', async () => {
    const server = await start({ appendonly: 'yes', appendfsync: 'always' });
    const { pid, port } = server;
    await server.command('SET', 'kept', 'yes');

    await server.kill();
    expect(isAlive(pid)).toBe(false);
    await expect(server.command('PING')).rejects.toThrow('ECONNREFUSED');
    await server.restart();

    expect(server.port).toBe(port);
    expect(server.pid).not.toBe(pid);
    expect(await server.command('GET', 'kept')).toBe('yes');
  });

  it('forgets over a crash what was not persisted', async () => {
    const server = await start();
    await server.command('SET', 'lost', 'yes');

    await server.kill();
    await server.restart();

    expect(await server.command('GET', 'lost')).toBeNull();
  });

  it('answers nothing while paused, and everything after', async () => {
    const server = await start();

    server.pause();
    const reply = server.command('PING');
    const first = await Promise.race([
      reply,
      new Promise((resolve) => setTimeout(resolve, 50, '')),
    ]);
    server.resume();

    expect(first).toBe('');
    expect(await reply).toBe('PONG');
  });

  it('names the reason when the server refuses its configuration', async () => {
    await expect(start({ 'no-such-option': '1' })).rejects.toThrow('ended while starting');
  });
});

describeRedis('RedisCluster', () => {
  it('spreads the slots over three masters that agree', async () => {
    const cluster = await RedisCluster.start({ masters: 3 });
    const [first, ...others] = cluster.nodes;
    try {
      expect(others).toHaveLength(2);
      expect(await first?.command('SET', '{a}1', '1').catch(String)).toMatch(
        /MOVED 15495 127\.0\.0\.1/,
      );
      expect(await first?.command('SET', '{b}1', '1')).toBe('OK');
    } finally {
      await cluster.stop();
    }
    expect(cluster.nodes.some((node) => node.isRunning)).toBe(false);
  });
});
