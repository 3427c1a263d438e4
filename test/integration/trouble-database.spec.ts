import {
  ModuleOptionsError,
  StoreRefusedError,
  TransactionTimeoutError,
} from '../../lib/errors/index.js';
import { Account } from '../support/entities.js';
import { errorOf } from '../support/outcome.js';
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
