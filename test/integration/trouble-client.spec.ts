import { Redis } from 'ioredis';
import { Redis as Redis5 } from 'ioredis-5';
import { EntityNotFoundError, ModuleOptionsError } from '../../lib/errors/index.js';
import { Account, Tally } from '../support/entities.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { LibraryCopy, type ChildRun } from '../support/library-copy.js';
import { errorOf } from '../support/outcome.js';
import { describeRedis, RedisServer } from '../support/redis-server.js';
import { RuntimeShelf } from '../support/runtime-shelf.js';
import { withSeed } from '../support/seeded-random.js';

describeRedis('a client', () => {
  const shelf = new RuntimeShelf();
  let server: RedisServer;

  beforeEach(async () => {
    server = await RedisServer.start();
  });

  afterEach(async () => {
    await shelf.closeAll();
    await server.stop();
  });

  /** Everything that makes ioredis run a command twice, or later than it said. */
  const hostile = {
    lazyConnect: true,
    autoResendUnfulfilledCommands: true,
    maxRetriesPerRequest: null,
    enableOfflineQueue: true,
    enableAutoPipelining: true,
    reconnectOnError: () => 2 as const,
    retryStrategy: () => 1,
  };

  it.each([
    ['ioredis 6', (port: number) => new Redis({ port, ...hostile })],
    ['ioredis 5', (port: number) => new Redis5({ port, ...hostile }) as unknown as Redis],
  ])('of %s that sends everything twice is duplicated without that', async (_, connect) => {
    const proxy = await FaultProxy.start({ targetPort: server.port });
    const client = connect(proxy.port);
    try {
      const runtime = await shelf.open({ redis: client });
      const tallies = runtime.repository(Tally);
      await tallies.insert({ id: 't', count: 0 });
      for (const kind of ['cutBeforeReply', 'cutBeforeRequest', 'deliverLate'] as const) {
        const sent: string[] = [];
        proxy.decide = ({ name, frame }) => {
          if (name !== 'evalsha') return undefined;
          sent.push(frame.toString('latin1'));
          return sent.length === 1 ? { kind } : undefined;
        };
        await tallies.increment('t', 'count', 1);
        proxy.decide = () => undefined;
        await proxy.releaseLate();
        expect(sent.filter((frame) => frame === sent[0])).toHaveLength(1);
      }
      expect(await tallies.findOneOrFail('t')).toMatchObject({ count: 3 });
      expect(client.status).toBe('wait');
    } finally {
      await shelf.closeAll();
      client.disconnect();
      await proxy.stop();
    }
  });

  it('with a key prefix is refused by name', async () => {
    const client = new Redis({ port: server.port, lazyConnect: true, keyPrefix: 'other:' });
    for (const redis of [client, { port: server.port, keyPrefix: 'other:' }]) {
      const error = await errorOf(shelf.open({ redis }));
      expect(error).toBeInstanceOf(ModuleOptionsError);
      expect(error.message).toContain('keyPrefix');
    }
    client.disconnect();
  });

  it('of the user stays open and as it was', async () => {
    const client = new Redis(server.port);
    const before = JSON.stringify(client.options);
    const runtime = await shelf.open({ redis: client });
    await runtime.repository(Tally).insert({ id: 't', count: 0 });
    await shelf.closeAll();
    expect(await client.ping()).toBe('PONG');
    expect(JSON.stringify(client.options)).toBe(before);
    await client.quit();
  });

  it('whose Redis comes back empty in the middle of a transaction starts from what is there', async () => {
    const runtime = await shelf.open({ redis: server.url });
    const accounts = runtime.repository(Account);
    await accounts.insert({ id: 'a', balance: 1, points: 0 });
    let attempts = 0;
    const error = await errorOf(
      runtime.manager.run(
        async () => {
          attempts += 1;
          const found = await accounts.findOneOrFail('a');
          if (attempts === 1) {
            await server.kill();
            await server.restart();
          }
          found.balance += 1;
          await accounts.save(found);
        },
        { timeoutMs: 15_000 },
      ),
    );
    expect(error).toBeInstanceOf(EntityNotFoundError);
    expect(attempts).toBe(2);
    expect(await server.command('KEYS', 'account:*')).toEqual([]);
  });

  it('that is killed or stopped at any moment leaves nothing in part', async () => {
    const library = LibraryCopy.create();
    try {
      await withSeed('killed clients', async (random) => {
        const runtime = await shelf.open({ redis: server.url });
        await runtime.repository(Tally).save({ id: 'pairs', count: 0 });
        for (let nth = 0; nth < 6; nth += 1) {
          const config = { url: server.url, name: `n${nth}` };
          const run = library.start('test/workers/pairs.ts', config);
          await insertions(run, 50 + random.integer(100));
          if (nth % 2 === 1) {
            run.child.kill('SIGSTOP');
            await server.command('PING');
            run.child.kill('SIGCONT');
            await insertions(run, 20);
          }
          run.child.kill('SIGKILL');
          await run.report.catch(() => undefined);
        }
        const left = (await server.command('KEYS', 'list:left-*')) as string[];
        const right = (await server.command('KEYS', 'list:right-*')) as string[];
        const names = (keys: string[]): string[] =>
          keys.map((key) => key.replace(/^list:\w+-/, '')).toSorted();
        expect(names(left)).toEqual(names(right));
        expect(left.length).toBeGreaterThan(300);
        const { count } = await runtime.repository(Tally).findOneOrFail('pairs');
        expect(count).toBe(left.length);
      });
    } finally {
      library.remove();
    }
  }, 60_000);

  /** @throws when the process ends before. */
  async function insertions({ child, report }: ChildRun, wanted: number): Promise<void> {
    let inserted = 0;
    const enough = new Promise<void>((resolve) => {
      child.on('message', () => {
        inserted += 1;
        if (inserted === wanted) resolve();
      });
    });
    await Promise.race([enough, report]);
  }
});
