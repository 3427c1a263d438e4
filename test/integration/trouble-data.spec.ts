import {
  EntityIdError,
  EntityInvalidError,
  ForeignDataError,
  LimitExceededError,
} from '../../lib/errors/index.js';
import { Account, accountKey, List } from '../support/entities.js';
import { errorOf, outcomeOf } from '../support/outcome.js';
import { describeRedis, RedisServer } from '../support/redis-server.js';
import { RuntimeShelf } from '../support/runtime-shelf.js';
import type { TestRuntime } from '../support/test-runtime.js';

const account = (id: string, balance = 1): Account => ({ id, balance, points: 1 });

describeRedis('data that do not fit', () => {
  const shelf = new RuntimeShelf();
  let server: RedisServer;
  let runtime: TestRuntime;

  beforeAll(async () => {
    server = await RedisServer.start();
  });

  afterAll(async () => {
    await server.stop();
  });

  beforeEach(async () => {
    await server.command('FLUSHALL');
    runtime = await shelf.open({ redis: server.url });
  });

  afterEach(async () => {
    await shelf.closeAll();
  });

  const foreign: readonly (readonly [string, readonly string[]])[] = [
    ['a text', ['SET', accountKey('x'), 'hello']],
    ['an empty text', ['SET', accountKey('x'), '']],
    ['JSON', ['SET', accountKey('x'), '{"id":"x","balance":1}']],
    ['text with bars', ['SET', accountKey('x'), 'a|b|c']],
    ['a version without a writer', ['SET', accountKey('x'), '1|1|{}']],
    ['version 0', ['SET', accountKey('x'), '0.abc|1|{}']],
    ['a number', ['SET', accountKey('x'), '12']],
    ['a hash', ['HSET', accountKey('x'), 'balance', '1']],
    ['a list', ['RPUSH', accountKey('x'), '1']],
    ['a stream', ['XADD', accountKey('x'), '*', 'a', '1']],
  ];

  it.each(foreign)(
    'but are %s are reported by every change, and left as they are',
    async (_, command) => {
      await server.command(...command);
      const before = String(await server.command('DUMP', accountKey('x')));
      const accounts = runtime.repository(Account);
      const works: (() => Promise<unknown>)[] = [
        () => accounts.save(account('x')),
        () => accounts.insert(account('x')),
        () => accounts.increment('x', 'points', 1),
        () => accounts.save(account('x'), { expectedVersion: '1.abc' }),
        async () => {
          await accounts.save(account('other'));
          await accounts.save(account('x'));
        },
      ];
      for (const work of works) {
        const outcome = await outcomeOf(runtime.manager.run(work));
        expect(outcome).toMatchObject({ error: expect.any(ForeignDataError) });
        expect(String(await server.command('DUMP', accountKey('x')))).toBe(before);
      }
      expect(await server.command('EXISTS', accountKey('other'))).toBe(0);
    },
  );

  it.each(foreign.filter(([, [command]]) => command === 'SET'))(
    'but are %s are reported by every read',
    async (_, command) => {
      await server.command(...command);
      const accounts = runtime.repository(Account);
      for (const read of [
        () => accounts.findOne('x'),
        () => accounts.exists('x'),
        () => accounts.peek('x'),
        () => accounts.findMany(['y', 'x']),
        () => accounts.delete('x'),
      ]) {
        expect(await errorOf(runtime.manager.run<unknown>(read))).toBeInstanceOf(ForeignDataError);
      }
    },
  );

  it.each(foreign.filter(([, [command]]) => command !== 'SET'))(
    'but are %s are not adopted, and told from texts',
    async (_, command) => {
      await server.command(...command);
      const accounts = runtime.repository(Account);
      const before = String(await server.command('DUMP', accountKey('x')));
      const parse = (): Account => account('x') as Account;
      for (const adopting of [accounts.adopt(['x']), accounts.adopt(['x'], parse)]) {
        const error = await errorOf(adopting);
        expect(error.message).toMatch(
          /^adopt\(\) stopped at account "x" .*(a hash|if it is a string)/,
        );
      }
      expect(String(await server.command('DUMP', accountKey('x')))).toBe(before);
    },
  );

  it('are refused by the limits before anything is sent', async () => {
    const accounts = runtime.repository(Account);
    const lists = runtime.repository(List);
    const huge = Array.from({ length: 300_000 }, (_, nth) => nth);
    const small = shelf.open({ redis: server.url, limits: { items: 3, transactionBytes: 200 } });
    const few = (await small).repository(Account);
    const works: (readonly [string, () => Promise<unknown>])[] = [
      ['keyBytes', () => accounts.save(account('i'.repeat(64 * 1024)))],
      ['keyBytes', () => accounts.findOne('€'.repeat(400))],
      ['valueBytes', () => lists.save({ id: 'l', values: huge })],
      ['items', () => few.findMany(['1', '2', '3', '4'])],
      ['items', async () => (await small).manager.run(() => saveAll(few, ['1', '2', '3', '4']))],
    ];
    for (const [limit, work] of works) {
      const error = await errorOf(work());
      expect(error).toBeInstanceOf(LimitExceededError);
      expect(error).toMatchObject({ limit });
    }
    expect(await server.command('KEYS', '[^d]*')).toEqual([]);
  });

  async function saveAll(to: { save(data: Account): Promise<Account> }, ids: readonly string[]) {
    for (const id of ids) await to.save(account(id));
  }

  it('in bytes are limited in bytes, for the whole transaction too', async () => {
    const bytes = 'é'.repeat(150);
    const tight = await shelf.open({ redis: server.url, limits: { transactionBytes: 250 } });

    const error = await errorOf(
      tight.manager.run(() => saveAll(tight.repository(Account), [bytes])),
    );

    expect(error).toBeInstanceOf(LimitExceededError);
  });

  it('up to the limit of a key are stored under any id and found again', async () => {
    const accounts = runtime.repository(Account);
    const ids = [
      '{}',
      ':',
      '\0',
      '👩‍👩‍👧',
      '{a}b',
      'a{b',
      '}{',
      ' ',
      '\r\n',
      '*',
      'i'.repeat(1016),
      '__proto__',
    ];
    await Promise.all(ids.map((id, nth) => accounts.insert(account(id, nth))));
    const found = await accounts.findManyOrFail(ids);
    expect(found.map(({ id, balance }) => [id, balance])).toEqual(ids.map((id, nth) => [id, nth]));
    expect(await server.command('KEYS', 'account:*')).toHaveLength(ids.length);
  });

  it('like an empty id, half a character, or a value that JSON loses are refused', async () => {
    const accounts = runtime.repository(Account);
    const ids: unknown[] = ['', '\ud800', 7, null, undefined, {}];
    for (const id of ids) {
      expect(await errorOf(accounts.findOne(id as string))).toBeInstanceOf(EntityIdError);
    }
    const values: unknown[] = [() => 1, 1n, Number.NaN, Symbol('s'), new Map([[1, 2]])];
    for (const balance of values) {
      const saving = accounts.save({ id: 'x', balance: balance as number, points: 0 });
      expect(await errorOf(saving)).toBeInstanceOf(EntityInvalidError);
    }
    const circle: { id: string; self?: unknown } = { id: 'x' };
    circle.self = circle;
    const saving = runtime.repository(List).save(circle as unknown as List);
    expect(await errorOf(saving)).toBeInstanceOf(EntityInvalidError);
    expect(await server.command('KEYS', 'account:*')).toEqual([]);
  });

  it('at the end of the safe integers are refused as a broken bound', async () => {
    const accounts = runtime.repository(Account);
    await accounts.insert({ id: 'x', balance: 0, points: Number.MAX_SAFE_INTEGER });
    const error = await errorOf(accounts.increment('x', 'points', 1));
    expect(error).toMatchObject({ name: 'CounterBoundError', value: Number.MAX_SAFE_INTEGER });
    await accounts.increment('x', 'points', -1);
    expect(await accounts.findOneOrFail('x')).toMatchObject({
      points: Number.MAX_SAFE_INTEGER - 1,
    });
  });
});
