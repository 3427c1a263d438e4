import type { BankReport } from '../support/bank-workload.js';
import { ClusterBank } from '../support/cluster-bank.js';
import { poll } from '../support/poll.js';
import { describeRedis } from '../support/redis-server.js';
import { withSeed } from '../support/seeded-random.js';

/** Of transactions whose process is killed: so long may others have to wait for them. */
const timeoutMs = 1500;
const concurrency = 8;

describeRedis('a bank over all nodes of a cluster', () => {
  let bank: ClusterBank;

  beforeAll(async () => {
    bank = await ClusterBank.start({ config: { appendonly: 'yes', appendfsync: 'always' } });
  });

  afterAll(() => bank.stop());

  beforeEach(() => bank.openAccounts());

  it('never shows a wrong sum, and the versions count every commit exactly', async () => {
    await withSeed('cluster bank from two processes', async (random) => {
      const size = { calls: 1200, concurrency };
      const runs = [bank.startTeller(random, size), bank.startTeller(random, size)];
      const reports = (await Promise.all(runs.map(({ report }) => report))) as BankReport[];

      expect(await bank.figures(reports)).toEqual(bank.exact);
      await bank.nothingLeft(5000);
      for (const report of reports) expect(report.audits).toBeGreaterThan(100);
    });
  }, 120_000);

  it('keeps its sums, and leaves nothing behind, when processes are killed', async () => {
    await withSeed('cluster bank with killed processes', async (random) => {
      const steady = bank.startTeller(random, { calls: 1500, concurrency, timeoutMs });
      for (let kill = 0; kill < 6; kill += 1) {
        const victim = bank.startTeller(random, { concurrency, timeoutMs });
        victim.report.catch(() => undefined);
        await bank.moreCommits(100 + random.integer(200));
        victim.child.kill('SIGKILL');
      }
      const report = (await steady.report) as BankReport;

      expect(report.unknown).toBe(0);
      expect(report.audits).toBeGreaterThan(100);
      expect(await bank.sums()).toEqual(bank.exactSums);
      // Nothing may stay much longer than the last deadline and what it takes to be thought dead.
      await bank.nothingLeft(timeoutMs + 8000);
      expect(await bank.sums()).toEqual(bank.exactSums);
    });
  }, 120_000);

  it('keeps its sums when masters are killed and come back', async () => {
    await withSeed('cluster bank with killed masters', async (random) => {
      const size = { calls: 900, concurrency };
      const runs = [bank.startTeller(random, size), bank.startTeller(random, size)];
      const ended = Promise.all(runs.map(({ report }) => report)) as Promise<BankReport[]>;
      let working = true;
      void ended.finally(() => (working = false)).catch(() => undefined);
      for (let kill = 0; kill < 4 && working; kill += 1) {
        const node = random.pick(bank.cluster.nodes);
        const enough = (await bank.commitCount()) + 60 + random.integer(100);
        await poll(async () => !working || (await bank.commitCount()) > enough || undefined, {
          deadlineMs: 30_000,
          intervalMs: 5,
          until: 'some more is committed',
        });
        await node.kill();
        await node.restart();
      }

      expect(await bank.figures(await ended)).toEqual(bank.exact);
      await bank.nothingLeft(28_000);
    });
  }, 150_000);
});
