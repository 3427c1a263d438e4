import { ModuleOptionsError, StoreRefusedError } from '../../lib/errors/index.js';
import { Account, accountKey } from '../support/entities.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { errorOf, outcomeOf } from '../support/outcome.js';
import { describeRedis, RedisServer } from '../support/redis-server.js';
import { TestRuntime } from '../support/test-runtime.js';

const account = (id: string, balance = 1): Account => ({ id, balance, points: balance }) as Account;

describeRedis('somebody who looks for holes', () => {
  let server: RedisServer;
  let runtimes: TestRuntime[];

  beforeAll(async () => {
    server = await RedisServer.start();
  });

  afterAll(async () => {
    await server.stop();
  });

  beforeEach(async () => {
    runtimes = [];
    await server.command('FLUSHALL');
  });

  afterEach(async () => {
    await server.command('ACL', 'DELUSER', 'app');
    await server.command('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
    await Promise.all(runtimes.map((runtime) => runtime.close()));
  });

  async function open(options: Parameters<typeof TestRuntime.open>[0]): Promise<TestRuntime> {
    const runtime = await TestRuntime.open(options);
    runtimes.push(runtime);
    return runtime;
  }

  async function openAs(...rules: string[]): Promise<TestRuntime> {
    await server.command('ACL', 'SETUSER', 'app', 'reset', 'on', '>secret', ...rules);
    return open({ redis: `redis://app:secret@127.0.0.1:${server.port}` });
  }

  it('does not fail the others of a batch for one key that the user may not touch', async () => {
    const runtime = await openAs('~account:*', '~dtx:*', '+@all');
    await server.command('ACL', 'SETUSER', 'app', 'resetkeys', '~account:mine*', '~dtx:*');
    const accounts = runtime.repository(Account);

    const [refused, ...others] = await Promise.all([
      outcomeOf(accounts.save(account('secret'))),
      ...['mine1', 'mine2', 'mine3'].map((id) => outcomeOf(accounts.save(account(id)))),
    ]);

    expect(refused).toMatchObject({ error: expect.any(StoreRefusedError) });
    expect(others.map(({ kind }) => kind)).toEqual(['resolved', 'resolved', 'resolved']);
  });

  it('does not fail the other reads of a turn for one key that the user may not touch', async () => {
    const runtime = await openAs('~account:*', '~dtx:*', '+@all');
    await server.command('ACL', 'SETUSER', 'app', 'resetkeys', '~account:mine*', '~dtx:*');
    const accounts = runtime.repository(Account);

    const [refused, other] = await Promise.all([
      outcomeOf(accounts.findOne('secret')),
      outcomeOf(accounts.findOne('mine')),
    ]);

    expect(refused).toMatchObject({ error: expect.any(StoreRefusedError) });
    expect(other.kind).toBe('resolved');
  });

  it.each(['del', 'set', 'mset'])(
    'leaves no half transaction when the permission for %s is withdrawn at run time',
    async (command) => {
      const runtime = await openAs('~*', '+@all');
      const accounts = runtime.repository(Account);
      await accounts.save(account('gone'));
      await accounts.save(account('kept'));
      await server.command('ACL', 'SETUSER', 'app', `-${command}`);

      const outcome = await outcomeOf(
        runtime.manager.run(
          async () => {
            const [kept, other] = await accounts.findManyOrFail(['kept', 'gone']);
            await accounts.save(account(kept.id, 2));
            if (command === 'del') await accounts.delete('gone');
            else await accounts.save(account(other.id, 2));
          },
          { timeoutMs: 1000 },
        ),
      );

      const texts = (await server.command(
        'MGET',
        accountKey('kept'),
        accountKey('gone'),
      )) as string[];
      const balances = texts.map((text) => /"balance":(\d)/.exec(text)?.[1]);
      const whole = command === 'del' ? ['2', undefined] : ['2', '2'];
      expect(balances).toEqual(outcome.kind === 'resolved' ? whole : ['1', '1']);
      const isTyped = outcome.kind === 'resolved' || outcome.error instanceof StoreRefusedError;
      expect(isTyped).toBe(true);
    },
  );

  it('lets no option in the URL undo the settings that the library forces', async () => {
    const query = 'autoResendUnfulfilledCommands=1&maxRetriesPerRequest=20&enableOfflineQueue=1';
    const proxy = await FaultProxy.start({ targetPort: server.port });
    try {
      const runtime = await open({ redis: `${proxy.url}?${query}` });
      const accounts = runtime.repository(Account);
      await accounts.save(account('x'));
      const sent: string[] = [];
      proxy.decide = (request) => {
        if (request.name !== 'evalsha') return undefined;
        sent.push(request.frame.toString('latin1'));
        return sent.length === 1 ? { kind: 'cutBeforeReply' } : undefined;
      };

      await accounts.increment('x', 'points', 1);

      expect(sent.filter((frame) => frame === sent[0])).toHaveLength(1);
      await expect(accounts.findOne('x')).resolves.toMatchObject({ points: 2 });
    } finally {
      await Promise.all(runtimes.splice(0).map((runtime) => runtime.close()));
      await proxy.stop();
    }
  });

  it('refuses a key prefix in the URL, as it refuses one in the options', async () => {
    const opening = open({ redis: `${server.url}?keyPrefix=other:` });
    await expect(opening).rejects.toBeInstanceOf(ModuleOptionsError);
  });

  it('writes nothing over foreign data, whatever is given as the expected version', async () => {
    const runtime = await open({ redis: server.url });
    const accounts = runtime.repository(Account);
    const foreign = 'hello|world|1';
    await server.command('SET', accountKey('x'), foreign);

    for (const expectedVersion of ['hello', 'hello|world', 'hello|world|1', '0', '1']) {
      const outcome = await outcomeOf(accounts.save(account('x'), { expectedVersion }));
      expect(outcome.kind).toBe('rejected');
      expect(await server.command('GET', accountKey('x'))).toBe(foreign);
    }
  });

  it('does not write through a lock, whatever is given as the expected version', async () => {
    const runtime = await open({ redis: server.url });
    const accounts = runtime.repository(Account);
    // Of a transaction that may still be decided, so that nobody settles it.
    const lock = `def@1bz@${Date.now() + 60_000}`;
    const locked = `3.abc*${lock}|1|{"id":"x","balance":1}`;
    await server.command('SET', accountKey('x'), locked);

    for (const expectedVersion of ['3.abc', `3.abc*${lock}`, `3.abc*${lock}|1`]) {
      const call = accounts.save(account('x'), { expectedVersion });
      expect((await outcomeOf(call)).kind).toBe('rejected');
      expect(await server.command('GET', accountKey('x'))).toBe(locked);
    }
  });

  it.each([4100, 9000])(
    'writes all of %i items in one transaction where the limit is raised, or refuses them',
    async (count) => {
      const runtime = await open({ redis: server.url, limits: { items: 10_000 } });
      const accounts = runtime.repository(Account);
      const ids = Array.from({ length: count }, (_, nth) => `n${nth}`);

      const outcome = await outcomeOf(
        runtime.manager.run(
          () => Promise.all(ids.map((id) => accounts.save(account(id)))).then(() => undefined),
          { timeoutMs: 20_000 },
        ),
      );

      const keys = (await server.command('KEYS', 'account:*')) as string[];
      expect(keys.length).toBe(outcome.kind === 'resolved' ? count : 0);
    },
  );

  it('reads foreign data of another type as foreign, not as absent', async () => {
    const runtime = await open({ redis: server.url });
    const accounts = runtime.repository(Account);
    await server.command('HSET', accountKey('x'), 'balance', '1');

    expect(await outcomeOf(accounts.findOne('x'))).toMatchObject({ kind: 'rejected' });
  });

  it('keeps a lazy start from working on a server that is still being checked', async () => {
    await server.command('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
    let checks = 0;
    const proxy = await FaultProxy.start({
      targetPort: server.port,
      decide: ({ name }) =>
        // The first INFO is the client's own, the second that of the check.
        name === 'info' && ++checks === 2 ? { kind: 'delay', milliseconds: 300 } : undefined,
    });
    try {
      const runtime = await open({ redis: proxy.url, startup: 'lazy' });
      const accounts = runtime.repository(Account);
      const first = outcomeOf(accounts.save(account('first')));
      const later = new Promise<string>((resolve) => {
        setTimeout(() => {
          void outcomeOf(accounts.save(account('later'))).then(({ kind }) => resolve(kind));
        }, 150);
      });

      expect((await first).kind).toBe('rejected');
      expect(await later).toBe('rejected');
      expect(await server.command('EXISTS', accountKey('later'))).toBe(0);
    } finally {
      await Promise.all(runtimes.splice(0).map((runtime) => runtime.close()));
      await proxy.stop();
    }
  });

  it('tells one story of a transaction that is committed twice by hand at the same time', async () => {
    const runtime = await open({ redis: server.url });
    const accounts = runtime.repository(Account);
    const told: string[] = [];
    const transaction = runtime.manager.begin();
    transaction.onCommit(() => told.push('committed'));
    transaction.onRollback(() => told.push('rolled back'));
    await transaction.run(() => accounts.save(account('x')));

    const [first, second] = await Promise.all([
      outcomeOf(transaction.commit()),
      outcomeOf(transaction.commit()),
    ]);

    expect(await server.command('EXISTS', accountKey('x'))).toBe(1);
    expect([first.kind, second.kind]).toContain('resolved');
    expect(told).toEqual(['committed']);
    expect(transaction.status).toBe('committed');
  });

  it('ends every one of several calls of close', async () => {
    const runtime = await TestRuntime.open({ redis: server.url });
    const accounts = runtime.repository(Account);
    const running = runtime.manager.run(() => accounts.save(account('x')));

    const closed = Promise.all([runtime.close(), runtime.close()]).then(() => 'closed');
    const late = new Promise((resolve) => setTimeout(resolve, 3000, 'hangs'));

    expect(await Promise.race([closed, late])).toBe('closed');
    await running;
  });

  it('does not report a bound that was broken by data that never existed together', async () => {
    const runtime = await open({ redis: server.url });
    const accounts = runtime.repository(Account);
    await accounts.save({ id: 'limit', balance: 5, points: 0 });
    await accounts.save({ id: 'stock', balance: 0, points: 10 });
    let attempts = 0;

    // Whoever reads `limit` and `stock` together finds that the limit never exceeds the stock.
    const taking = runtime.manager.run(async () => {
      const { balance } = await accounts.findOneOrFail('limit');
      if (++attempts === 1) {
        await runtime.manager.run(
          async () => {
            await accounts.update('limit', { balance: 1 });
            await accounts.update('stock', { points: 2 });
          },
          { propagation: 'REQUIRES_NEW' },
        );
      }
      await accounts.increment('stock', 'points', -balance, { min: 0 });
      return accounts.findOneOrFail('stock');
    });

    await expect(taking).resolves.toMatchObject({ points: 1 });
    expect(attempts).toBe(2);
  });

  it('knows its errors by their classes', async () => {
    const runtime = await open({ redis: server.url });
    const error = await errorOf(runtime.repository(Account).save(account('')));
    expect(error).toMatchObject({ code: 'DTX-1103', category: 'user' });
  });
});
