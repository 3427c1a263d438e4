import { Cluster } from 'ioredis';
import { StoreUnavailableError } from '../../lib/index.js';
import { systemClock } from '../../lib/store/clock.js';
import { slotOf } from '../../lib/store/hash-slot.js';
import { TxEntity } from '../../lib/repository/entity-definition.js';
import { errorOf, outcomeOf } from '../support/outcome.js';
import { RedisCluster } from '../support/redis-cluster.js';
import { describeRedis } from '../support/redis-server.js';
import { RuntimeShelf } from '../support/runtime-shelf.js';

@TxEntity({ name: 'seat', hashTag: (id) => id.slice(0, 1), counters: ['taken'] })
class Seat {
  id!: string;
  taken!: number;
}

describeRedis('a cluster', () => {
  const shelf = new RuntimeShelf();
  let cluster: RedisCluster;
  let client: Cluster;

  beforeAll(async () => {
    cluster = await RedisCluster.start();
    client = new Cluster([{ host: '127.0.0.1', port: cluster.nodes[0]!.port }]);
  });

  afterAll(async () => {
    await client.quit();
    await cluster.stop();
  });

  afterEach(async () => {
    await shelf.closeAll();
  });

  it('commits what lies in one slot, wherever that is', async () => {
    const runtime = await shelf.open({ redis: client });
    const seats = runtime.repository(Seat);
    for (const letter of 'abcdefgh') {
      await runtime.manager.run(async () => {
        await seats.insert({ id: `${letter}1`, taken: 0 });
        await seats.insert({ id: `${letter}2`, taken: 0 });
      });
      await seats.increment(`${letter}1`, 'taken', 1, { max: 1 });
    }
    expect(await seats.findManyOrFail(['a1', 'h1', 'h2'])).toMatchObject([
      { taken: 1 },
      { taken: 1 },
      { taken: 0 },
    ]);
  });

  it('commits what lies in several slots, or takes all of it back', async () => {
    const runtime = await shelf.open({ redis: client });
    const seats = runtime.repository(Seat);
    await runtime.manager.run(async () => {
      await seats.insert({ id: 'p1', taken: 0 });
      await seats.insert({ id: 'q1', taken: 0 });
    });
    await errorOf(
      runtime.manager.run(async () => {
        await seats.increment('p1', 'taken', 1);
        await seats.increment('q1', 'taken', 1, { max: 0 });
      }),
    );
    expect(await seats.findManyOrFail(['p1', 'q1'])).toMatchObject([{ taken: 0 }, { taken: 0 }]);
  });

  it('commits a transaction whose address was asked for first', async () => {
    const runtime = await shelf.open({ redis: client });
    const seats = runtime.repository(Seat);
    const address = await runtime.manager.run(async () => {
      const fixed = runtime.manager.current()!.address;
      await seats.insert({ id: 'x1', taken: 0 });
      return fixed;
    });
    expect(await seats.exists('x1')).toBe(true);
    expect(await runtime.manager.outcomeOf(address)).toBe('committed');
  });

  it('reads several slots as they were together', async () => {
    const runtime = await shelf.open({ redis: client });
    const seats = runtime.repository(Seat);
    let runs = 0;
    const other = { propagation: 'REQUIRES_NEW' } as const;
    const seen = await runtime.manager.run(async () => {
      const first = await seats.exists('r1');
      if (++runs === 1) {
        await runtime.manager.run(() => seats.insert({ id: 'r1', taken: 0 }), other);
        await runtime.manager.run(() => seats.insert({ id: 's1', taken: 0 }), other);
      }
      return [first, await seats.exists('s1')];
    });
    expect(seen).toEqual([true, true]);
  });

  it('outlives a node that falls silent while a slot moves to it', async () => {
    const runtime = await shelf.open({ redis: client, commandTimeoutMs: 200 });
    const seats = runtime.repository(Seat);
    const slot = slotOf('seat:{k}:k1');
    const source = await cluster.masterOf(slot);
    const target = cluster.nodes.find((node) => node !== source)!;
    const [from, to] = await Promise.all(
      [source, target].map(async (node) => String(await node.command('CLUSTER', 'MYID'))),
    );
    await target.command('CLUSTER', 'SETSLOT', String(slot), 'IMPORTING', from!);
    await source.command('CLUSTER', 'SETSLOT', String(slot), 'MIGRATING', to!);
    // Its connections are open, as they are while it works.
    expect(await seats.findOne('k1')).toBeNull();
    target.pause();
    await errorOf(runtime.manager.run(() => seats.findOne('k1'), { timeoutMs: 600 }));
    target.resume();
    expect(await seats.findOne('k1')).toBeNull();
    for (const node of [target, source]) {
      await node.command('CLUSTER', 'SETSLOT', String(slot), 'STABLE');
    }
  });

  it('ends a start and a health check while a master says nothing', async () => {
    const times = { commandTimeoutMs: 200, connectTimeoutMs: 500 };
    const runtime = await shelf.open({ redis: client, ...times });
    const silent = cluster.nodes[1]!;
    silent.pause();
    try {
      const ping = errorOf(runtime.store.ping(systemClock.now() + 300));
      const start = errorOf(shelf.open({ redis: client, ...times }));
      expect(await ping).toBeInstanceOf(StoreUnavailableError);
      expect(await start).toBeInstanceOf(StoreUnavailableError);
    } finally {
      silent.resume();
    }
  }, 10_000);

  it('commits on the other masters while one says nothing', async () => {
    const runtime = await shelf.open({ redis: client, commandTimeoutMs: 200 });
    const seats = runtime.repository(Seat);
    const tags = Array.from('abcdefgh');
    for (const tag of tags) await seats.save({ id: `${tag}9`, taken: 0 });
    const silent = cluster.nodes[1]!;
    const masters = await Promise.all(
      tags.map((tag) => cluster.masterOf(slotOf(`seat:{${tag}}:${tag}9`))),
    );
    const take = (nth: number): Promise<unknown> => {
      const work = () => seats.increment(`${tags[nth]}9`, 'taken', 1);
      return runtime.manager.run(work, { timeoutMs: 1000 });
    };
    const end = systemClock.now() + 1200;
    const faults: unknown[] = [];
    silent.pause();
    try {
      await Promise.all(
        tags.map(async (_, nth) => {
          while (systemClock.now() < end) {
            const outcome = await outcomeOf(take(nth));
            const isFault = outcome.kind === 'rejected' && masters[nth] !== silent;
            if (isFault || outcome.tookMs > 1100) faults.push(outcome);
          }
        }),
      );
    } finally {
      silent.resume();
    }
    expect(faults).toEqual([]);
  }, 15_000);
});
