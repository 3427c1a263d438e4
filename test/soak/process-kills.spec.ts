import { ClusterBank } from '../support/cluster-bank.js';
import { runProcessKills } from '../support/process-kills.js';
import { describeRedis } from '../support/redis-server.js';
import { percentileOf, say, shareOf, soak, soakLimitMs } from '../support/soak.js';

const KILLS = shareOf(500);
/** What a transaction has when nothing else is said. */
const timeoutMs = 5000;

describeRedis('for long, processes that are killed while they commit over several nodes', () => {
  let bank: ClusterBank;

  beforeAll(async () => {
    bank = await ClusterBank.start({ accounts: 300 });
    await bank.openAccounts();
  }, 60_000);

  afterAll(() => bank.stop());

  it(
    `leave nothing behind after ${KILLS} kills: every transaction is whole, and 99 of 100 are resolved 3 s after their deadline`,
    async () => {
      await soak('soak process kills', async (random) => {
        const report = await runProcessKills({
          bank,
          random,
          kills: KILLS,
          processes: 4,
          timeoutMs,
          onKill: (kills) => {
            if (kills % Math.min(25, KILLS) === 0) say(`${kills} kills`);
          },
        });

        const { resolvedAfterMs, ...counts } = report;
        const p99 = percentileOf(resolvedAfterMs, 99);
        const figures = {
          p50: percentileOf(resolvedAfterMs, 50),
          p99,
          max: Math.max(...resolvedAfterMs),
        };
        say(
          `${JSON.stringify(counts)}, ${resolvedAfterMs.length} were left: ${JSON.stringify(figures)} ms`,
        );
        expect(report).toMatchObject({ lost: [], unresolved: [] });
        expect(resolvedAfterMs.length).toBeGreaterThan(KILLS / 2);
        await bank.nothingLeft(20_000);
        const told = { commits: report.committed, unknown: 0, audits: 0, errors: {} };
        expect(await bank.figures([told])).toEqual(bank.exact);
        expect(p99).toBeLessThanOrEqual(3000);
      });
    },
    soakLimitMs,
  );
});
