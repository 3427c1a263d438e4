import { Cluster } from 'ioredis';
import { CrossNodeTransactionError } from '../../lib/errors/index.js';
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

describeRedis('a cluster, as long as a transaction has to lie in one slot', () => {
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

  it('refuses what lies in several slots before it writes anything', async () => {
    const runtime = await shelf.open({ redis: client });
    const seats = runtime.repository(Seat);
    const error = await errorOf(
      runtime.manager.run(async () => {
        await seats.insert({ id: 'p1', taken: 0 });
        await seats.insert({ id: 'q1', taken: 0 });
      }),
    );
    expect(error).toBeInstanceOf(CrossNodeTransactionError);
    expect(await seats.findMany(['p1', 'q1'])).toEqual([null, null]);
  });

  it('commits a transaction whose address was asked for first, or says why it cannot', async () => {
    const runtime = await shelf.open({ redis: client });
    const seats = runtime.repository(Seat);
    const outcome = await outcomeOf(
      runtime.manager.run(async () => {
        void runtime.manager.current()!.address;
        await seats.insert({ id: 'x1', taken: 0 });
      }),
    );
    const error = outcome.kind === 'rejected' ? outcome.error : undefined;
    const isExplained = error === undefined || error instanceof CrossNodeTransactionError;
    expect([isExplained, error?.message]).toEqual([true, error?.message]);
    expect(await seats.exists('x1')).toBe(error === undefined);
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
});
