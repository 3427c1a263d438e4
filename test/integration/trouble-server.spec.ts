import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  StoreRefusedError,
  StoreUnavailableError,
  TransactionOutcomeUnknownError,
} from '../../lib/errors/index.js';
import { Account, accountKey, Tally } from '../support/entities.js';
import { errorOf, outcomeOf } from '../support/outcome.js';
import { poll } from '../support/poll.js';
import { redisCommand } from '../support/redis-command.js';
import { describeRedis, RedisServer } from '../support/redis-server.js';
import { RuntimeShelf } from '../support/runtime-shelf.js';

const account = (id: string, balance = 1): Account => ({ id, balance, points: 1 });

describeRedis('a server that will not work', () => {
  const shelf = new RuntimeShelf();
  let server: RedisServer;

  beforeEach(async () => {
    server = await RedisServer.start();
  });

  afterEach(async () => {
    await shelf.closeAll();
    await server.stop();
  });

  it('is refused at the start when it evicts, unless that is allowed by name', async () => {
    await server.command('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
    const error = await errorOf(shelf.open({ redis: server.url }));
    expect(error).toBeInstanceOf(StoreRefusedError);
    expect(error.message).toContain("allowEvictionPolicy: 'allkeys-lru'");
    const other = shelf.open({ redis: server.url, allowEvictionPolicy: 'volatile-lru' });
    await expect(other).rejects.toBeInstanceOf(StoreRefusedError);

    const allowed = await shelf.open({ redis: server.url, allowEvictionPolicy: 'allkeys-lru' });

    await expect(allowed.repository(Account).insert(account('a'))).resolves.toBeDefined();
  });

  it('is refused when it evicts, also where INFO must tell since CONFIG is forbidden', async () => {
    await server.command('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
    await server.command('ACL', 'SETUSER', 'app', 'on', '>secret', '~*', '+@all', '-config');
    const opening = shelf.open({ redis: `redis://app:secret@127.0.0.1:${server.port}` });
    await expect(opening).rejects.toThrow(/allkeys-lru/);
  });

  it('is refused at the start when it is a replica', async () => {
    const replica = await RedisServer.start({ config: { replicaof: `127.0.0.1 ${server.port}` } });
    try {
      const error = await errorOf(shelf.open({ redis: replica.url, connectTimeoutMs: 3000 }));
      expect(error).toBeInstanceOf(StoreRefusedError);
      expect(error.message).toContain('replica');
    } finally {
      await replica.stop();
    }
  });

  it('refuses whole transactions while it is a replica, and works as a master again', async () => {
    const runtime = await shelf.open({ redis: server.url });
    const accounts = runtime.repository(Account);
    await accounts.insert(account('a'));
    await server.command('REPLICAOF', '127.0.0.1', '1');

    const outcome = await outcomeOf(
      runtime.manager.run(
        async () => {
          await accounts.update('a', { balance: 2 });
          await accounts.insert(account('b'));
        },
        { timeoutMs: 600 },
      ),
    );

    expect(outcome).toMatchObject({ error: expect.any(StoreRefusedError) });
    expect(outcome.tookMs).toBeLessThan(1100);
    const later = accounts.update('a', { balance: 3 });
    await server.command('REPLICAOF', 'NO', 'ONE');
    await expect(later).resolves.toMatchObject({ balance: 3 });
    expect(await accounts.findOne('b')).toBeNull();
  });

  it('refuses whole transactions when it is out of memory, deletes included, and heals', async () => {
    const runtime = await shelf.open({ redis: server.url });
    const accounts = runtime.repository(Account);
    await accounts.insert(account('a'));
    await accounts.insert(account('b'));
    await server.command('CONFIG', 'SET', 'maxmemory', '1');

    const works = [
      () => accounts.update('a', { balance: 2 }),
      () => accounts.delete('b'),
      () => accounts.increment('a', 'points', 1),
      async () => {
        await accounts.delete('b');
        await accounts.update('a', { balance: 2 });
        await accounts.insert(account('c'));
      },
    ];
    for (const work of works) {
      const outcome = await outcomeOf(runtime.manager.run<unknown>(work, { timeoutMs: 600 }));
      expect(outcome).toMatchObject({ error: expect.any(StoreRefusedError) });
      expect(outcome).toMatchObject({ error: { message: expect.stringContaining('OOM') } });
    }
    expect(await accounts.findMany(['a', 'b', 'c'])).toMatchObject([
      { balance: 1, points: 1 },
      { balance: 1 },
      null,
    ]);
    await server.command('CONFIG', 'SET', 'maxmemory', '0');
    await expect(accounts.delete('b')).resolves.toBe(true);
  });

  it('is waited for while it cannot save its snapshots, and refuses at the deadline', async () => {
    await server.command('CONFIG', 'SET', 'save', '3600 1');
    const runtime = await shelf.open({ redis: server.url });
    const accounts = runtime.repository(Account);
    await accounts.insert(account('a'));
    await mkdir(join(server.dir, 'dump.rdb', 'in-the-way'), { recursive: true });
    await server.command('BGSAVE');
    const failed = async (): Promise<true | undefined> =>
      String(await server.command('INFO', 'persistence')).includes('rdb_last_bgsave_status:err')
        ? true
        : undefined;
    await poll(failed, { deadlineMs: 5000, until: 'the snapshot has failed' });

    const outcome = await outcomeOf(
      runtime.manager.run(() => accounts.update('a', { balance: 2 }), { timeoutMs: 500 }),
    );

    expect(outcome).toMatchObject({ error: expect.any(StoreRefusedError) });
    expect(outcome).toMatchObject({ error: { message: expect.stringContaining('MISCONF') } });
    const later = accounts.update('a', { balance: 3 });
    await server.command('CONFIG', 'SET', 'stop-writes-on-bgsave-error', 'no');
    await expect(later).resolves.toMatchObject({ balance: 3 });
    await server.command('CONFIG', 'SET', 'save', '');
  });

  it('is waited for while a script of somebody else keeps it busy', async () => {
    await server.command('CONFIG', 'SET', 'busy-reply-threshold', '20');
    const runtime = await shelf.open({ redis: server.url });
    const accounts = runtime.repository(Account);
    await accounts.insert(account('a'));
    const endless = redisCommand(server.port, ['EVAL', 'while true do end', '0']);
    const stopped = endless.catch((error: Error) => error.message);
    const busy = async (): Promise<true | undefined> =>
      server.command('PING').then(
        () => undefined,
        (error: Error) => (error.message.startsWith('BUSY') ? true : undefined),
      );
    await poll(busy, { deadlineMs: 5000, until: 'the server is busy' });

    const outcome = await outcomeOf(
      runtime.manager.run(() => accounts.insert(account('b')), { timeoutMs: 500 }),
    );

    expect(outcome).toMatchObject({ kind: 'rejected', error: { category: 'internal' } });
    expect(outcome.tookMs).toBeLessThan(1000);
    const later = accounts.update('a', { balance: 2 });
    await server.command('SCRIPT', 'KILL');
    expect(await stopped).toContain('killed by user');
    await expect(later).resolves.toMatchObject({ balance: 2 });
    expect(await accounts.findOne('b')).toBeNull();
  });

  it('may forget its scripts at any time, also under load', async () => {
    const runtime = await shelf.open({ redis: server.url });
    const tallies = runtime.repository(Tally);
    await tallies.insert({ id: 't', count: 0 });
    let running = true;
    const flushing = (async () => {
      let flushes = 0;
      while (running) {
        await server.command('SCRIPT', 'FLUSH');
        flushes += 1;
      }
      return flushes;
    })();

    await Promise.all(
      Array.from({ length: 8 }, async (_, teller) => {
        for (let nth = 0; nth < 100; nth += 1) {
          await tallies.increment('t', 'count', 1);
          await tallies.save({ id: `own${teller}`, count: nth });
        }
      }),
    );
    running = false;

    expect(await flushing).toBeGreaterThan(20);
    expect(await tallies.findOneOrFail('t')).toMatchObject({ count: 800 });
  });

  it('that pauses its clients gives an answer at the deadline, and the truth afterwards', async () => {
    const runtime = await shelf.open({ redis: server.url, commandTimeoutMs: 10_000 });
    const accounts = runtime.repository(Account);
    await accounts.insert(account('a'));
    let address = '';
    await server.command('CLIENT', 'PAUSE', '1500', 'WRITE');

    const outcome = await outcomeOf(
      runtime.manager.run(
        async () => {
          address = runtime.manager.current()!.address;
          await accounts.update('a', { balance: 2 });
        },
        { timeoutMs: 500 },
      ),
    );

    expect(outcome).toMatchObject({ error: expect.any(TransactionOutcomeUnknownError) });
    expect(outcome).toMatchObject({ error: { address } });
    expect(outcome.tookMs).toBeLessThan(1000);
    await server.command('CLIENT', 'UNPAUSE');
    // What arrives past its deadline is refused by the server itself.
    await accounts.insert(account('later'));
    expect(await accounts.findOneOrFail('a')).toMatchObject({ balance: 1 });
    expect(await runtime.manager.outcomeOf(address)).not.toBe('committed');
  });

  it('that stops answering and goes on is waited for, within the deadline', async () => {
    const runtime = await shelf.open({ redis: server.url, commandTimeoutMs: 300 });
    const accounts = runtime.repository(Account);
    await accounts.insert(account('a'));
    server.pause();
    const lost = await outcomeOf(
      runtime.manager.run(() => accounts.update('a', { balance: 2 }), { timeoutMs: 800 }),
    );
    expect(lost).toMatchObject({ error: expect.any(StoreUnavailableError) });
    expect(lost.tookMs).toBeLessThan(1300);

    const later = accounts.update('a', { balance: 3 });
    server.resume();

    await expect(later).resolves.toMatchObject({ balance: 3 });
    expect(await server.command('GET', accountKey('a'))).toMatch(/^2\./);
  });
});
