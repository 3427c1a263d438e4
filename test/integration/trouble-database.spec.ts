import {
  ModuleOptionsError,
  StoreRefusedError,
  StoreUnavailableError,
  TransactionTimeoutError,
} from '../../lib/errors/index.js';
import { Account } from '../support/entities.js';
import { errorOf } from '../support/outcome.js';
import { poll } from '../support/poll.js';
import { describeRedis, RedisServer } from '../support/redis-server.js';
import { TestRuntime } from '../support/test-runtime.js';

describeRedis('a database of its own', () => {
  let server: RedisServer;

  beforeAll(async () => {
    server = await RedisServer.start();
  });

  afterAll(async () => {
    await server.stop();
  });

  it('is used where the server has it', async () => {
    const runtime = await TestRuntime.open({ redis: `${server.url}/3` });
    await runtime.repository(Account).save({ id: 'a', balance: 1, points: 1 });
    expect(String(await server.command('INFO', 'keyspace'))).toMatch(/db3:/);
    expect(String(await server.command('INFO', 'keyspace'))).not.toMatch(/db0:/);
    await runtime.close();
  });

  it.each([['in the URL'], ['in the options']])(
    'is refused by its number where the server has none such, %s',
    async (where) => {
      const options = { host: '127.0.0.1', port: server.port, db: 99 };
      const redis = where === 'in the URL' ? `${server.url}/99` : options;
      const error = await errorOf(TestRuntime.open({ redis }));
      expect(error).toBeInstanceOf(StoreRefusedError);
      expect(error.message).toMatch(/database 99/);
    },
  );

  it('that a server has no longer after a restart is not mistaken for database 0', async () => {
    const config = { databases: '16' };
    const own = await RedisServer.start({ config });
    const runtime = await TestRuntime.open({ redis: `${own.url}/7` });
    const accounts = runtime.repository(Account);
    await accounts.save({ id: 'before', balance: 1, points: 1 });

    config.databases = '2';
    await own.restart();
    const error = await errorOf(
      runtime.manager.run(() => accounts.save({ id: 'while', balance: 1, points: 1 }), {
        timeoutMs: 1500,
      }),
    );
    expect(error).toBeInstanceOf(StoreUnavailableError);
    expect(error.message).toMatch(/DB index is out of range/);
    expect(await own.command('KEYS', '*')).toEqual([]);

    config.databases = '16';
    await own.restart();
    const healed = await poll(
      () =>
        accounts.save({ id: 'after', balance: 1, points: 1 }).then(
          () => true as const,
          () => undefined,
        ),
      { deadlineMs: 8000, until: 'the database is there again' },
    );
    expect(healed).toBe(true);
    expect(String(await own.command('INFO', 'keyspace'))).toMatch(/db7:/);
    await runtime.close();
    await own.stop();
  });

  it('is refused where it is no number', async () => {
    const error = await errorOf(TestRuntime.open({ redis: `${server.url}/abc` }));
    expect(error).toBeInstanceOf(ModuleOptionsError);
    expect(error.message).toMatch(/'abc'/);
  });

  it('is not blamed for a method that took too long itself', async () => {
    const runtime = await TestRuntime.open({ redis: server.url });
    const accounts = runtime.repository(Account);
    const error = await errorOf(
      runtime.manager.run(
        async () => {
          const until = performance.now() + 150;
          while (performance.now() < until) JSON.parse('{}');
          await accounts.save({ id: 'late', balance: 1, points: 1 });
        },
        { timeoutMs: 100 },
      ),
    );
    expect(error).toBeInstanceOf(TransactionTimeoutError);
    expect(await accounts.exists('late')).toBe(false);
    await runtime.close();
  });
});
