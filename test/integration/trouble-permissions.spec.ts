import { StoreRefusedError } from '../../lib/errors/index.js';
import { Account, accountKey } from '../support/entities.js';
import { errorOf, outcomeOf } from '../support/outcome.js';
import { poll } from '../support/poll.js';
import { describeRedis, RedisServer } from '../support/redis-server.js';
import { RuntimeShelf } from '../support/runtime-shelf.js';
import type { TestRuntime } from '../support/test-runtime.js';

/** Inside of the scripts too: what a user of Redis needs for transactions, and nothing else. */
const commands = [
  'evalsha',
  'eval',
  'mget',
  'get',
  'time',
  'exists',
  'getrange',
  'set',
  'mset',
  'del',
] as const;

/** Besides: the health check, and the version and the eviction policy of the server. */
const leastPrivilege = [...commands, 'ping', 'info'];
const keys = ['~account:*', '~dtx:*'];

const account = (id: string): Account => ({ id, balance: 1, points: 1 });

describeRedis('permissions', () => {
  const shelf = new RuntimeShelf();
  let server: RedisServer;

  beforeAll(async () => {
    server = await RedisServer.start();
  });

  afterAll(async () => {
    await server.stop();
  });

  beforeEach(async () => {
    await server.command('FLUSHALL');
    await server.command('SCRIPT', 'FLUSH');
  });

  afterEach(async () => {
    await server.command('ACL', 'SETUSER', 'default', 'nopass', 'on', 'allcommands', 'allkeys');
    await shelf.closeAll();
  });

  async function openAs(rules: readonly string[], password = 'secret'): Promise<TestRuntime> {
    await server.command('ACL', 'SETUSER', 'app', 'reset', 'on', '>secret', ...rules);
    const redis = `redis://app:${password}@127.0.0.1:${server.port}`;
    return shelf.open({ redis, connectTimeoutMs: 2000 });
  }

  function allow(list: readonly string[]): string[] {
    return ['-@all', ...list.map((command) => `+${command}`)];
  }

  /** Everything that a transaction can do, once. */
  async function useEverything(runtime: TestRuntime): Promise<void> {
    const accounts = runtime.repository(Account);
    const { manager } = runtime;
    await manager.run(async () => {
      await accounts.insert(account('a'));
      await accounts.insert(account('b'));
      await accounts.save(account('c'));
    });
    await manager.run(async () => {
      await accounts.findOneOrFail('a');
      await accounts.increment('b', 'points', 1, { min: 0 });
      await accounts.delete('c');
    });
    const transaction = manager.begin();
    const { address } = transaction;
    await transaction.rollback();
    expect(await manager.outcomeOf(address)).toBe('rolled_back');
    await runtime.store.ping(performance.now() + 1000);
    expect(await accounts.findMany(['a', 'b', 'c'])).toMatchObject([
      { points: 1 },
      { points: 2 },
      null,
    ]);
  }

  it('are enough for everything with the least privileges of the README', async () => {
    const runtime = await openAs([...keys, ...allow(leastPrivilege)]);
    await useEverything(runtime);
    for (const forbidden of [
      ['KEYS', '*'],
      ['FLUSHALL'],
      ['CONFIG', 'GET', '*'],
      ['SCRIPT', 'FLUSH'],
    ]) {
      const answer = await server.command('ACL', 'DRYRUN', 'app', ...forbidden);
      expect(String(answer)).toContain('no permissions');
    }
  });

  it('are enough without INFO, whose checks are left out then', async () => {
    const runtime = await openAs([...keys, ...allow([...commands, 'ping'])]);
    await expect(useEverything(runtime)).resolves.toBeUndefined();
  });

  it.each(commands)(
    'without %s are refused at the start, and no transaction begins',
    async (command) => {
      const less = leastPrivilege.filter((allowed) => allowed !== command);
      const opening = openAs([...keys, ...allow(less)]);
      await expect(opening).rejects.toBeInstanceOf(StoreRefusedError);
      await expect(opening).rejects.toThrow(/Least privilege/);
    },
  );

  it('for the records are refused at the start', async () => {
    const opening = openAs(['~account:*', '+@all']);
    await expect(opening).rejects.toBeInstanceOf(StoreRefusedError);
  });

  it('for all but one key of a transaction refuse the whole of it', async () => {
    const runtime = await openAs(['~account:mine*', '~dtx:*', '+@all']);
    const accounts = runtime.repository(Account);

    const error = await errorOf(
      runtime.manager.run(async () => {
        await accounts.insert(account('mine1'));
        await accounts.insert(account('theirs'));
        await accounts.insert(account('mine2'));
      }),
    );

    expect(error).toBeInstanceOf(StoreRefusedError);
    expect(error.message).toContain('NOPERM');
    expect(await server.command('KEYS', 'account:*')).toEqual([]);
    await expect(accounts.insert(account('mine1'))).resolves.toMatchObject({ id: 'mine1' });
  });

  it('never put what a transaction holds into an error', async () => {
    const runtime = await openAs(['~account:mine*', '~dtx:*', '+@all']);
    const accounts = runtime.repository(Account);
    const error = await errorOf(accounts.insert({ id: 'theirs', balance: 424_242, points: 0 }));
    const told = JSON.stringify([error, error.cause, error.stack, String(error.cause)]);
    expect(told).not.toContain('424242');
  });

  it('with a wrong password are refused at the start, without the password in the message', async () => {
    const startedAt = performance.now();
    const error = await errorOf(openAs([...keys, '+@all'], 'guessed'));
    expect(error).toBeInstanceOf(StoreRefusedError);
    expect(error.message).toMatch(/refused the login.*WRONGPASS/);
    expect(JSON.stringify([error.message, error.stack, error.cause])).not.toContain('guessed');
    expect(performance.now() - startedAt).toBeLessThan(1500);
  });

  it('with a missing password are refused at the start', async () => {
    await server.command('ACL', 'SETUSER', 'default', 'resetpass', '>other');
    try {
      const opening = shelf.open({ redis: server.url, connectTimeoutMs: 2000 });
      await expect(opening).rejects.toBeInstanceOf(StoreRefusedError);
    } finally {
      await resetDefaultUser();
    }
  });

  /** The helper of the server logs in as nobody, so the password goes first. */
  async function resetDefaultUser(): Promise<void> {
    const { Redis } = await import('ioredis');
    const admin = new Redis({ port: server.port, password: 'other' });
    await admin.call('ACL', 'SETUSER', 'default', 'nopass');
    await admin.quit();
  }

  it('withdrawn with the password at run time give a typed error, until it is right again', async () => {
    const runtime = await openAs([...keys, '+@all']);
    const accounts = runtime.repository(Account);
    await accounts.insert(account('before'));
    await server.command('ACL', 'SETUSER', 'app', 'resetpass', '>changed');
    await server.command('CLIENT', 'KILL', 'USER', 'app');
    const noticed = async (): Promise<true | undefined> =>
      runtime.store.ping(performance.now()).then(
        () => undefined,
        () => true as const,
      );
    await poll(noticed, { deadlineMs: 2000, until: 'the connection is lost' });

    const outcome = await outcomeOf(
      runtime.manager.run(() => accounts.insert(account('while')), { timeoutMs: 700 }),
    );

    expect(outcome).toMatchObject({ kind: 'rejected', error: { category: 'internal' } });
    expect(outcome.tookMs).toBeLessThan(1200);
    expect(await server.command('EXISTS', accountKey('while'))).toBe(0);
    await server.command('ACL', 'SETUSER', 'app', 'resetpass', '>secret');
    const healed = await poll(
      async () => {
        const next = await outcomeOf(accounts.save(account('after')));
        return next.kind === 'resolved' ? next.value : undefined;
      },
      { deadlineMs: 8000, until: 'the login is accepted again' },
    );
    expect(healed).toMatchObject({ id: 'after' });
  });

  it('withdrawn for one command of the scripts at run time give a typed error', async () => {
    const runtime = await openAs([...keys, '+@all']);
    const accounts = runtime.repository(Account);
    await accounts.insert(account('a'));
    await server.command('ACL', 'SETUSER', 'app', '-getrange', '-exists');

    const outcome = await outcomeOf(
      runtime.manager.run(() => accounts.update('a', { balance: 5 }), { timeoutMs: 700 }),
    );

    expect(outcome).toMatchObject({ kind: 'rejected' });
    expect(outcome.tookMs).toBeLessThan(1200);
    expect(await server.command('GET', accountKey('a'))).toContain('"balance":1');
  });
});
