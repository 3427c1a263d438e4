import { slotOf } from '../../lib/store/hash-slot.js';
import type { BankReport } from '../support/bank-workload.js';
import { ClusterBank, type BankFigures } from '../support/cluster-bank.js';
import { failOver, type FailoverKind } from '../support/failovers.js';
import { describeRedis } from '../support/redis-server.js';
import { replicationConfig } from '../support/replicated-redis.js';
import { withSeed, type SeededRandom } from '../support/seeded-random.js';

/** Longer than the cluster takes to notice and to elect. */
const timeoutMs = 8000;

describeRedis('a bank on a cluster that loses masters', () => {
  let bank: ClusterBank;

  beforeAll(async () => {
    const config = { ...replicationConfig, 'cluster-node-timeout': '1000' };
    const durability = { replicas: 1, timeoutMs: 500 };
    bank = await ClusterBank.start({ replicas: 1, config, durability });
  }, 60_000);

  afterAll(() => bank.stop());

  beforeEach(() => bank.openAccounts());

  /** Runs the bank in two processes; while they work, a master goes, and its replica takes over. */
  async function underLoad(random: SeededRandom, kind: FailoverKind): Promise<BankFigures> {
    const runs = [bank.startTeller(random, { timeoutMs }), bank.startTeller(random, { timeoutMs })];
    await bank.moreCommits(200);
    await failOver(bank.cluster, slotOf(random.pick(bank.keys)), kind);
    await bank.moreCommits(200);
    for (const run of runs) run.stop();
    return bank.figures((await Promise.all(runs.map(({ report }) => report))) as BankReport[]);
  }

  it('keeps every acknowledged commit when a master is killed and its replica takes over', async () => {
    await withSeed('cluster bank and a killed master', async (random) => {
      expect(await underLoad(random, 'killed')).toEqual(bank.exact);
    });
  }, 90_000);

  it('keeps every acknowledged commit when a master is paused and comes back as a replica', async () => {
    await withSeed('cluster bank and a paused master', async (random) => {
      expect(await underLoad(random, 'paused')).toEqual(bank.exact);
    });
  }, 90_000);
});
