import {
  DurabilityNotReachedError,
  StoreRefusedError,
  StoreUnavailableError,
  TransactionConflictError,
} from '../../lib/index.js';
import { systemClock } from '../../lib/store/clock.js';
import { RedisStore } from '../../lib/store/redis/redis-store.js';
import { parseAddress } from '../../lib/store/transaction-address.js';
import { drawProcessTag } from '../../lib/transaction/random.js';
import { Account, accountKey, List, Tally } from '../support/entities.js';
import { errorOf, outcomeOf } from '../support/outcome.js';
import { poll } from '../support/poll.js';
import { linkedUp, ReplicatedRedis } from '../support/replicated-redis.js';
import { describeRedis } from '../support/redis-server.js';
import { RuntimeShelf } from '../support/runtime-shelf.js';
import type { TestRuntime } from '../support/test-runtime.js';

/** Longer than a busy machine keeps a healthy replica waiting. */
const durability = { replicas: 1, timeoutMs: 800 };
/** What a machine under load adds to a time-out. */
const slackMs = 1500;

describeRedis('durability, on a master with a replica', () => {
  const shelf = new RuntimeShelf();
  let redis: ReplicatedRedis;
  let runtime: TestRuntime;

  beforeAll(async () => {
    redis = await ReplicatedRedis.start();
  });

  afterAll(async () => {
    await redis.stop();
  });

  beforeEach(async () => {
    runtime = await open();
  });

  afterEach(async () => {
    redis.replica.resume();
    await linkedUp(redis.replica);
    await shelf.closeAll();
    await redis.master.command('FLUSHALL');
  });

  function open(replicas = 1): Promise<TestRuntime> {
    return shelf.open({ redis: redis.master.url, durability: { ...durability, replicas } });
  }

  function insert(id: string): Promise<Account> {
    return runtime.repository(Account).insert({ id, balance: 1, points: 1 });
  }

  async function waits(): Promise<number> {
    const info = String(await redis.master.command('INFO', 'commandstats'));
    return Number(/cmdstat_wait:calls=(\d+)/.exec(info)?.[1] ?? 0);
  }

  it('answers a commit when the replica has it', async () => {
    for (let nth = 0; nth < 20; nth += 1) {
      await insert(`a${nth}`);
      expect(await redis.replica.command('EXISTS', accountKey(`a${nth}`))).toBe(1);
    }
  });

  it('waits once for all that is committed meanwhile', async () => {
    const before = await waits();
    await Promise.all(Array.from({ length: 400 }, (_, nth) => insert(`m${nth}`)));

    expect((await waits()) - before).toBeLessThanOrEqual(30);
  });

  it('says in time that the replica does not have a commit, and what became of it afterwards', async () => {
    redis.replica.pause();
    const asked = performance.now();
    const error = (await errorOf(insert('paused'))) as DurabilityNotReachedError;

    expect(performance.now() - asked).toBeLessThan(durability.timeoutMs + slackMs);
    expect(error).toBeInstanceOf(DurabilityNotReachedError);
    expect(error.category).toBe('outcome-unknown');
    expect(await redis.master.command('EXISTS', accountKey('paused'))).toBe(1);

    redis.replica.resume();
    expect(await runtime.manager.outcomeOf(error.address)).toBe('committed');
    expect(await redis.replica.command('EXISTS', accountKey('paused'))).toBe(1);
  });

  it('learns what became of a commit whose connection breaks while it waits', async () => {
    const patient = await shelf.open({
      redis: redis.master.url,
      durability: { replicas: 1, timeoutMs: 1000 },
    });
    const tallies = patient.repository(Tally);
    await tallies.insert({ id: 'cut', count: 0 });
    redis.replica.pause();
    const commit = tallies.increment('cut', 'count', 1);
    await poll(
      async () => {
        const clients = String(await redis.master.command('CLIENT', 'LIST'));
        const waiting = /id=(\d+) .* cmd=wait /.exec(clients)?.[1];
        return waiting && redis.master.command('CLIENT', 'KILL', 'ID', waiting);
      },
      { deadlineMs: 5000, intervalMs: 1, until: 'the connection that waits is cut' },
    );
    redis.replica.resume();
    await commit;

    expect(await tallies.findOneOrFail('cut')).toMatchObject({ count: 1 });
    expect(await redis.replica.command('GET', 'tally:cut')).toMatch(/^2\./);
  });

  it('takes a connection that wrote nothing for no proof', async () => {
    redis.replica.pause();
    const { address } = (await errorOf(insert('unproven'))) as DurabilityNotReachedError;
    const { store, manager } = await open();
    const until = systemClock.now() + 700;

    expect(await errorOf(store.outcome(parseAddress(address), until))).toBeInstanceOf(
      StoreUnavailableError,
    );
    redis.replica.resume();
    expect(await manager.outcomeOf(address)).toBe('committed');
  });

  it('tells a conflict as such while the replica is away', async () => {
    await insert('contended');
    const accounts = runtime.repository(Account);
    redis.replica.pause();
    const error = await errorOf(
      runtime.manager.run(
        async () => {
          const account = await accounts.findOneOrFail('contended');
          await redis.master.command(
            'SET',
            accountKey('contended'),
            '7.other|1|{"id":"contended"}',
          );
          await accounts.save(account);
        },
        { retry: { attempts: 1 } },
      ),
    );

    expect(error).toBeInstanceOf(TransactionConflictError);
  });

  it('reads as fast as ever while a commit waits', async () => {
    await insert('read');
    redis.replica.pause();
    let waiting = true;
    const commit = outcomeOf(insert('waits')).finally(() => (waiting = false));
    await poll(
      async () => ((await redis.master.command('EXISTS', accountKey('waits'))) ? true : undefined),
      {
        deadlineMs: 5000,
        intervalMs: 1,
        until: 'the master has the commit',
      },
    );
    await runtime.repository(Account).findOneOrFail('read');

    expect(waiting).toBe(true);
    await commit;
  });

  it('ends every one of many commits in time while the replica is away', async () => {
    redis.replica.pause();
    const asked = performance.now();
    const errors = await Promise.all(
      Array.from({ length: 200 }, (_, nth) => errorOf(insert(`many${nth}`))),
    );

    expect(performance.now() - asked).toBeLessThan(2 * durability.timeoutMs + slackMs);
    for (const error of errors) expect(error).toBeInstanceOf(DurabilityNotReachedError);
  });

  it('commits again as soon as the replica is back', async () => {
    redis.replica.pause();
    await outcomeOf(insert('away'));
    redis.replica.resume();

    await insert('back');
    expect(await redis.replica.command('EXISTS', accountKey('back'))).toBe(1);
  });

  it('asks for as many replicas as were wanted', async () => {
    const two = await open(2);
    const accounts = two.repository(Account);
    const error = await errorOf(accounts.insert({ id: 'two', balance: 1, points: 1 }));

    expect(error).toBeInstanceOf(DurabilityNotReachedError);
  });

  it('warns at the start where there are fewer replicas than wanted', async () => {
    const warnings: string[] = [];
    for (const replicas of [1, 2]) await start(redis.master.url, replicas, warnings);

    expect(warnings.filter((text) => text.includes('durability'))).toEqual([
      expect.stringContaining(
        'durability.replicas is 2, and a master of this Redis has 1 connected',
      ),
    ]);
  });

  it('refuses to start where WAIT is denied', async () => {
    const grant = ['on', '>secret', '~*', '+@all', '-wait'];
    await redis.master.command('ACL', 'SETUSER', 'waitless', ...grant);
    const url = `redis://waitless:secret@127.0.0.1:${redis.master.port}`;

    await expect(start(url, 1, [])).rejects.toThrow(StoreRefusedError);
  });

  async function start(url: string, replicas: number, warnings: string[]): Promise<void> {
    const store = new RedisStore({
      name: 'default',
      redis: url,
      clock: systemClock,
      lifetime: { longestTimeoutMs: 60_000, marginMs: 1000, retentionMs: 1000 },
      connectTimeoutMs: 5000,
      commandTimeoutMs: 2000,
      startup: 'eager',
      allowEvictionPolicy: undefined,
      durability: { ...durability, replicas },
      processTag: drawProcessTag(),
      warn: (message) => void warnings.push(message),
    });
    await store.open();
    await store.close();
  }
});

describeRedis('durability, when the master is lost', () => {
  const shelf = new RuntimeShelf();
  let redis: ReplicatedRedis;

  beforeEach(async () => {
    redis = await ReplicatedRedis.start();
  });

  afterEach(async () => {
    await shelf.closeAll();
    await redis.stop();
  });

  /** Acknowledged transactions that are not there as a whole on the replica that takes over. */
  async function lostWith(options: object): Promise<string[]> {
    const runtime = await shelf.open({ redis: redis.master.url, ...options });
    const acknowledged: string[] = [];
    let running = true;
    const teller = async (index: number): Promise<void> => {
      for (let nth = 0; running; nth += 1) {
        const id = `${index}-${nth}`;
        const outcome = await outcomeOf(insertPair(runtime, id));
        if (outcome.kind === 'resolved') acknowledged.push(id);
      }
    };
    const working = Array.from({ length: 16 }, (_, index) => teller(index));
    await pollMaster((size) => size > 2000 || undefined);
    // From now on the master is alone, which it does not know yet.
    await redis.replica.command('REPLICAOF', '127.0.0.1', '1');
    const alone = Number(await redis.master.command('DBSIZE'));
    await pollMaster((size) => size > alone + 10 || undefined);
    await redis.master.kill();
    running = false;
    await Promise.all(working);
    await redis.replica.command('REPLICAOF', 'NO', 'ONE');
    expect(acknowledged.length).toBeGreaterThan(500);
    const promoted = await shelf.open({ redis: redis.replica.url, limits: { items: 100_000 } });
    const left = await promoted.repository(List).findMany(acknowledged.map((id) => `left-${id}`));
    const right = await promoted.repository(List).findMany(acknowledged.map((id) => `right-${id}`));
    return acknowledged.filter((_, nth) => left[nth] === null || right[nth] === null);
  }

  function insertPair(runtime: TestRuntime, id: string): Promise<void> {
    const lists = runtime.repository(List);
    const work = async (): Promise<void> => {
      await lists.insert({ id: `left-${id}`, values: [] });
      await lists.insert({ id: `right-${id}`, values: [] });
    };
    return runtime.manager.run(work, { timeoutMs: 1500 });
  }

  async function pollMaster(enough: (size: number) => true | undefined): Promise<void> {
    await poll(async () => enough(Number(await redis.master.command('DBSIZE'))), {
      deadlineMs: 20_000,
      intervalMs: 1,
      until: 'the master holds enough',
    });
  }

  it('keeps every acknowledged commit', async () => {
    expect(await lostWith({ durability })).toEqual([]);
  });

  it('loses some without it, which is what the other test would see', async () => {
    expect((await lostWith({})).length).toBeGreaterThan(0);
  });
});
