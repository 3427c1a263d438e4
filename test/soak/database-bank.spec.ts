import { describeMariaDb, describePostgres, describeRedis } from '../support/describe-server.js';
import { MoneyRun, TROUBLES } from '../support/money-run.js';
import { say, sayProgress, shareOf, soak, soakLimitMs } from '../support/soak.js';

const ROUNDS = shareOf(100);

describeRedis('for long, money in Redis', () => {
  describePostgres('PostgreSQL', () => {
    describeMariaDb('and MariaDB', () => {
      let run: MoneyRun;

      beforeAll(async () => {
        run = await MoneyRun.start();
      }, 60_000);

      afterAll(() => run.stop());

      it(
        `sums up after ${ROUNDS * TROUBLES.length} kills and pauses`,
        async () => {
          await soak('soak money', async (random) => {
            const onRound = (done: number): void => sayProgress(done, ROUNDS, 'rounds of trouble');
            const report = await run.run({ random, rounds: ROUNDS, workers: 3, onRound });
            say(JSON.stringify(report));

            expect(report).toMatchObject({ wrong: [] });
            expect(report.told.committed).toBeGreaterThan(50 * ROUNDS);
          });
        },
        soakLimitMs,
      );
    });
  });
});
