import { runKillCycles } from '../support/kill-cycles.js';
import { describeRedis, RedisServer } from '../support/redis-server.js';
import { withSeed } from '../support/seeded-random.js';

describeRedis('kill -9 of Redis under load', () => {
  let server: RedisServer;

  beforeAll(async () => {
    server = await RedisServer.start({ config: { appendonly: 'yes', appendfsync: 'always' } });
  });

  afterAll(async () => {
    await server.stop();
  });

  it('loses nothing that was acknowledged, and leaves nothing in part', async () => {
    await withSeed('five kills', async (random) => {
      const report = await runKillCycles({
        redis: server.url,
        random,
        cycles: 5,
        strike: async () => {
          await server.kill();
          await server.restart();
        },
      });
      expect(report).toMatchObject({ lost: [], partial: [], resurrected: [], miscounted: 0 });
      expect(report.acknowledged).toBeGreaterThan(150);
      expect(report.unknown).toBe(0);
    });
  }, 90_000);
});
