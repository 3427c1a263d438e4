import { DistributedTxError, TransactionTimeoutError } from '../../lib/errors/index.js';
import { systemClock, type Clock } from '../../lib/store/clock.js';
import { Tally } from '../support/entities.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { outcomeOf } from '../support/outcome.js';
import { randomFaults } from '../support/random-faults.js';
import { describeRedis, RedisServer } from '../support/redis-server.js';
import { RuntimeShelf } from '../support/runtime-shelf.js';
import { withSeed } from '../support/seeded-random.js';

/** A clock that is wrong by as much as one likes, at any time. */
class WrongClock implements Clock {
  wallOffsetMs = 0;
  localOffsetMs = 0;

  now(): number {
    return systemClock.now() + this.localOffsetMs;
  }

  time(): number {
    return systemClock.time() + this.wallOffsetMs;
  }

  schedule(delayMs: number, callback: () => void): () => void {
    return systemClock.schedule(delayMs, callback);
  }
}

const hour = 3_600_000;

describeRedis('a wrong clock', () => {
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
  });

  afterEach(async () => {
    await shelf.closeAll();
  });

  it.each([-24 * hour, -hour, -3000, 3000, hour, 24 * hour])(
    'of the machine, off by %i ms, is no matter: the clock of the node counts',
    async (offsetMs) => {
      const clock = new WrongClock();
      clock.wallOffsetMs = offsetMs;
      const runtime = await shelf.open({ redis: server.url, clock });
      const tallies = runtime.repository(Tally);
      await tallies.insert({ id: 't', count: 0 });
      await tallies.increment('t', 'count', 1);
      expect(await tallies.findOneOrFail('t')).toMatchObject({ count: 1 });
    },
  );

  it.each([-hour, -6000, 6000, hour])(
    'that jumps by %i ms costs an attempt, and never atomicity',
    async (jumpMs) => {
      const clock = new WrongClock();
      const runtime = await shelf.open({ redis: server.url, clock });
      const tallies = runtime.repository(Tally);
      await tallies.insert({ id: 't', count: 0 });
      await tallies.insert({ id: 'u', count: 0 });
      let resolved = 0;
      const work = async (): Promise<void> => {
        await tallies.increment('t', 'count', 1);
        await tallies.increment('u', 'count', 1);
      };
      for (let nth = 0; nth < 20; nth += 1) {
        clock.localOffsetMs = nth % 2 === 0 ? 0 : jumpMs;
        const outcome = await outcomeOf(runtime.manager.run(work));
        if (outcome.kind === 'resolved') resolved += 1;
      }
      const counts = await tallies.findManyOrFail(['t', 'u']);
      expect(counts.map(({ count }) => count)).toEqual([resolved, resolved]);
      expect(resolved).toBeGreaterThanOrEqual(10);
    },
  );

  it('that jumps during a transaction ends it in time, all or nothing', async () => {
    const clock = new WrongClock();
    const runtime = await shelf.open({ redis: server.url, clock });
    const tallies = runtime.repository(Tally);
    await tallies.insert({ id: 't', count: 0 });
    for (const jumpMs of [hour, -hour]) {
      clock.localOffsetMs = 0;
      const before = (await tallies.findOneOrFail('t')).count;
      const outcome = await outcomeOf(
        runtime.manager.run(
          async () => {
            await tallies.increment('t', 'count', 1);
            clock.localOffsetMs = jumpMs;
          },
          { timeoutMs: 1000 },
        ),
      );
      expect(outcome.tookMs).toBeLessThan(1600);
      clock.localOffsetMs = 0;
      const { count } = await tallies.findOneOrFail('t');
      expect(count - before).toBe(outcome.kind === 'resolved' ? 1 : 0);
    }
  });

  it('together with lost replies and late commits never changes what was told', async () => {
    await withSeed('wrong clock with faults', async (random) => {
      const clock = new WrongClock();
      const proxy = await FaultProxy.start({ targetPort: server.port });
      const runtime = await shelf.open({ redis: proxy.url, clock, commandTimeoutMs: 150 });
      const tallies = runtime.repository(Tally);
      await tallies.insert({ id: 't', count: 0 });
      proxy.decide = randomFaults(random.fork(), 0.1);
      let certain = 0;
      let possible = 0;
      const teller = async (): Promise<void> => {
        for (let nth = 0; nth < 40; nth += 1) {
          if (random.chance(0.1)) clock.localOffsetMs = random.integer(20_000) - 10_000;
          const outcome = await outcomeOf(
            runtime.manager.run(() => tallies.increment('t', 'count', 1), {
              timeoutMs: 2000,
              retry: { attempts: 50 },
            }),
          );
          if (outcome.kind === 'resolved') certain += 1;
          else if (outcome.error.category === 'outcome-unknown') possible += 1;
        }
      };

      await Promise.all([teller(), teller(), teller()]);

      proxy.decide = () => undefined;
      await proxy.releaseLate();
      await shelf.closeAll();
      await proxy.stop();
      const other = await shelf.open({ redis: server.url });
      const { count } = await other.repository(Tally).findOneOrFail('t');
      expect(count).toBeGreaterThanOrEqual(certain);
      expect(count).toBeLessThanOrEqual(certain + possible);
    });
  }, 60_000);

  it('knows a time-out as what it is', async () => {
    const runtime = await shelf.open({ redis: server.url });
    const call = runtime.manager.run(() => new Promise<void>(() => undefined), { timeoutMs: 50 });
    const outcome = await outcomeOf(call);
    expect(outcome).toMatchObject({ error: expect.any(TransactionTimeoutError) });
    expect(outcome).toMatchObject({ error: expect.any(DistributedTxError) });
    expect(outcome.tookMs).toBeLessThan(550);
  });
});
