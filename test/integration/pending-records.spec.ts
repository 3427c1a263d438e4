import { InvariantViolationError, StoreRefusedError } from '../../lib/errors/index.js';
import { systemClock } from '../../lib/store/clock.js';
import { recordKeyOf } from '../../lib/store/transaction-address.js';
import type { OnePhaseCommit, RecordLifetime } from '../../lib/store/versioned-store.js';
import { openRedisStore } from '../support/redis-store.js';
import { describeRedis, RedisServer } from '../support/redis-server.js';

const LIFETIME: RecordLifetime = { longestTimeoutMs: 60_000, marginMs: 1000, retentionMs: 1000 };
const BRANCHES = [{ participant: 'orders', number: 1, payload: 'x' }];
const IDENTITY_KEY = 'dtx:{1bz}:cache';

const until = (): number => systemClock.now() + 5000;

describeRedis('what others have to find in Redis', () => {
  let server: RedisServer;
  const opened: Awaited<ReturnType<typeof openRedisStore>>[] = [];

  beforeAll(async () => {
    server = await RedisServer.start();
  });
  afterAll(() => server.stop());

  beforeEach(() => server.command('FLUSHALL'));
  afterEach(async () => {
    await server.command('ACL', 'SETUSER', 'default', 'nopass', 'on', 'allcommands', 'allkeys');
    await Promise.all(opened.splice(0).map((one) => one.close()));
  });

  async function open() {
    const one = await openRedisStore({ url: server.url }, LIFETIME);
    opened.push(one);
    return one.store;
  }

  it('is the name of the cache, the same for all who ask at once and later', async () => {
    const stores = await Promise.all([open(), open(), open()]);

    const names = await Promise.all(stores.map((store) => store.identity(until())));

    expect(new Set(names).size).toBe(1);
    expect(names[0]).toMatch(/^[0-9a-z]{12}$/);
    expect(await server.command('GET', IDENTITY_KEY)).toBe(names[0]);
    expect(await server.command('TTL', IDENTITY_KEY)).toBe(-1);
    expect(await (await open()).identity(until())).toBe(names[0]);
  });

  it('is no name where another program has written it', async () => {
    await server.command('SET', IDENTITY_KEY, 'not a name');
    const store = await open();

    await expect(store.identity(until())).rejects.toThrow(InvariantViolationError);
    await expect(store.identity(until())).rejects.toThrow(IDENTITY_KEY);
    await server.command('DEL', IDENTITY_KEY);
    expect(await store.identity(until())).toMatch(/^[0-9a-z]{12}$/);
  });

  it.each([true, false])(
    'are the branches of a commit that failed at its first item (announced: %p)',
    async (announced) => {
      const store = await open();
      const deadlineAtMs = Math.ceil(store.toNodeTime(systemClock.now())) + 5000;
      const commitOf = (id: string, more: Partial<OnePhaseCommit>): OnePhaseCommit => ({
        address: { id, home: store.homeOf([]), deadlineAtMs },
        items: [],
        record: '"name":"pay"',
        sent: false,
        ...more,
      });
      const write = { kind: 'write', counters: '', payload: '{}', ttlMs: undefined } as const;
      const insert = [{ key: 'item:a', expected: '0', change: write }];
      await store.commitOnePhase(commitOf('before', { items: insert }), until());
      const items = [{ key: 'item:a', expected: '1.before', change: { kind: 'delete' } as const }];
      const commit = commitOf('failed', { items, branches: BRANCHES, announced });
      const { address, record } = commit;
      const pending = { address, record, branches: BRANCHES, decider: undefined, redo: undefined };
      if (announced) await store.announce(pending, until());
      await server.command('ACL', 'SETUSER', 'default', '-del');

      await expect(store.commitOnePhase(commit, until())).rejects.toThrow(StoreRefusedError);

      const rolledBack = { status: 'rolled_back', decider: undefined, redo: [] };
      expect(await store.record(address, until())).toEqual({ ...rolledBack, branches: BRANCHES });
      expect(await server.command('PTTL', recordKeyOf(address))).toBe(-1);
      expect(await server.command('GET', 'item:a')).toBe('1.before||{}');
    },
  );
});
