import { describeMariaDb, describePostgres, describeRedis } from '../support/describe-server.js';
import { MoneyRun } from '../support/money-run.js';
import { withSeed } from '../support/seeded-random.js';

describeRedis('money in Redis', () => {
  describePostgres('PostgreSQL', () => {
    describeMariaDb('and MariaDB', () => {
      let run: MoneyRun;

      beforeAll(async () => {
        run = await MoneyRun.start();
      }, 60_000);

      afterAll(() => run.stop());

      it('sums up, whoever is killed or stopped while it is moved', async () => {
        await withSeed('money', async (random) => {
          const report = await run.run({ random, rounds: 2, workers: 2 });

          expect(report).toMatchObject({ wrong: [] });
          expect(report.told.committed).toBeGreaterThan(100);
          const touched = ['maria', 'maria,pg', 'maria,pg,redis', 'maria-xa,pg,redis', 'pg,redis'];
          expect(Object.keys(report.committedOver)).toEqual(expect.arrayContaining(touched));
        });
      }, 120_000);
    });
  });
});
