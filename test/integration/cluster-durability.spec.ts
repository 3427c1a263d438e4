import type { Cluster } from 'ioredis';
import { DurabilityNotReachedError, StoreUnavailableError } from '../../lib/index.js';
import { slotOf } from '../../lib/store/hash-slot.js';
import { clusterClient } from '../support/cluster-client.js';
import { errorOf, outcomeOf } from '../support/outcome.js';
import { poll } from '../support/poll.js';
import { RedisCluster } from '../support/redis-cluster.js';
import { describeRedis, type RedisServer } from '../support/redis-server.js';
import { linkedUp, replicationConfig } from '../support/replicated-redis.js';
import { RuntimeShelf } from '../support/runtime-shelf.js';
import { NODE_LETTERS, Purse, purseKey } from '../support/spread-entities.js';
import type { TestRuntime } from '../support/test-runtime.js';

/** Longer than a busy machine keeps a healthy replica waiting. */
const durability = { replicas: 1, timeoutMs: 1000 };

describeRedis('durability, on a cluster with replicas', () => {
  const shelf = new RuntimeShelf();
  let cluster: RedisCluster;
  let client: Cluster;
  let runtime: TestRuntime;
  /** Of a purse on the node of the record, and of one on another master. */
  let home: string;
  let elsewhere: string;

  beforeAll(async () => {
    // A replica that is paused is never so long away that it matters to the others.
    const config = { ...replicationConfig, 'cluster-node-timeout': '60000' };
    cluster = await RedisCluster.start({ replicas: 1, config });
    client = clusterClient({ ports: cluster.nodes.map(({ port }) => port) });
    await client.connect();
    const [first = '', ...others] = NODE_LETTERS;
    home = first;
    const homeMaster = await cluster.masterOf(slotOf(purseKey(first)));
    const masters = await Promise.all(others.map((tag) => cluster.masterOf(slotOf(purseKey(tag)))));
    elsewhere = others[masters.findIndex((master) => master !== homeMaster)]!;
  }, 60_000);

  afterAll(async () => {
    client.disconnect();
    await cluster.stop();
  });

  beforeEach(async () => {
    runtime = await shelf.open({ redis: client, durability });
    for (const id of [home, elsewhere]) {
      await runtime.repository(Purse).insert({ id, balance: 0, points: 0 });
    }
  });

  afterEach(async () => {
    for (const replica of replicas()) replica.resume();
    await Promise.all(replicas().map((replica) => linkedUp(replica)));
    await shelf.closeAll();
    for (const master of cluster.nodes.slice(0, 3)) await master.command('FLUSHALL');
  });

  function replicas(): readonly RedisServer[] {
    return cluster.nodes.slice(3);
  }

  async function replicaOf(id: string): Promise<RedisServer> {
    const master = await cluster.masterOf(slotOf(purseKey(id)));
    return cluster.nodes[cluster.nodes.indexOf(master) + 3]!;
  }

  /** Writes one item on each of two masters. */
  function spread(balance: number, timeoutMs = 5000): Promise<void> {
    const purses = runtime.repository(Purse);
    const work = async (): Promise<void> => {
      for (const id of [home, elsewhere]) await purses.save({ id, balance, points: 0 });
    };
    return runtime.manager.run(work, { timeoutMs, retry: { attempts: 1 } });
  }

  async function stored(id: string): Promise<string> {
    return String(await client.get(purseKey(id)));
  }

  function isLocked(text: string): boolean {
    return text.split('|')[0]!.includes('*');
  }

  it('has what it decided on the replicas of every master', async () => {
    await spread(1);

    const replica = await replicaOf(home);
    const keys = (await replica.command('KEYS', 'dtx:*:tx:*')) as string[];
    expect(keys.length).toBeGreaterThan(0);
    await poll(async () => (isLocked(await stored(elsewhere)) ? undefined : true), {
      deadlineMs: 5000,
      until: 'it is applied elsewhere',
    });
  });

  it('acts on no decision that the replica of the record does not have', async () => {
    const replica = await replicaOf(home);
    replica.pause();
    const error = (await errorOf(spread(2))) as DurabilityNotReachedError;
    expect(error).toBeInstanceOf(DurabilityNotReachedError);
    expect(await stored(home)).toContain('"balance":2');

    const reader = await shelf.open({ redis: client, durability });
    const purses = reader.repository(Purse);
    const read = (): Promise<Purse> => purses.findOneOrFail(elsewhere);
    const outcome = await outcomeOf(reader.manager.run(read, { timeoutMs: 1500 }));
    expect(outcome.kind).toBe('rejected');
    expect(isLocked(await stored(elsewhere))).toBe(true);

    replica.resume();
    expect(await reader.manager.run(read)).toMatchObject({ balance: 2 });
    expect(await runtime.manager.outcomeOf(error.address)).toBe('committed');
  });

  it('decides nothing before the locks are replicated', async () => {
    const replica = await replicaOf(elsewhere);
    replica.pause();
    const error = await errorOf(spread(3));

    expect(error).toBeInstanceOf(StoreUnavailableError);
    expect((error.cause as Error).message).toContain('0 of 1 replicas');
    expect(await stored(home)).toContain('"balance":0');
    replica.resume();
    await poll(async () => (isLocked(await stored(elsewhere)) ? undefined : true), {
      deadlineMs: 5000,
      until: 'the lock is released',
    });
    expect(await stored(elsewhere)).toContain('"balance":0');
  });

  it('validates nothing on a master that its replica does not confirm', async () => {
    const replica = await replicaOf(elsewhere);
    replica.pause();
    const purses = runtime.repository(Purse);
    const work = async (): Promise<void> => {
      const { balance } = await purses.findOneOrFail(elsewhere);
      await purses.save({ id: home, balance: balance + 4, points: 0 });
    };
    const error = await errorOf(runtime.manager.run(work, { retry: { attempts: 1 } }));

    expect(error).toBeInstanceOf(StoreUnavailableError);
    expect((error.cause as Error).message).toContain('0 of 1 replicas');
    expect(await stored(home)).toContain('"balance":0');
    replica.resume();
    await runtime.manager.run(work, { retry: { attempts: 500 } });
    expect(await stored(home)).toContain('"balance":4');
  });

  it('commits while a slot moves', async () => {
    let commits = 0;
    let running = true;
    const purses = runtime.repository(Purse);
    const teller = async (): Promise<void> => {
      while (running) {
        const work = async (): Promise<void> => {
          for (const id of [home, elsewhere]) await purses.increment(id, 'points', 1);
        };
        await runtime.manager.run(work, { retry: { attempts: 500 } });
        commits += 1;
      }
    };
    const working = Promise.all([teller(), teller(), teller()]);
    for (let move = 0; move < 6; move += 1) {
      const slot = slotOf(purseKey(move % 2 === 0 ? home : elsewhere));
      const source = await cluster.masterOf(slot);
      const masters = cluster.nodes.slice(0, 3);
      const target = masters[(masters.indexOf(source) + 1) % 3]!;
      await cluster.moveSlot(slot, source, target);
      const enough = commits + 20;
      await poll(() => (commits > enough ? true : undefined), {
        deadlineMs: 5000,
        until: 'it commits on the new node',
      });
    }
    running = false;
    await working;

    const found = await purses.findManyOrFail([home, elsewhere]);
    expect(found.map(({ points }) => points)).toEqual([commits, commits]);
  });
});
