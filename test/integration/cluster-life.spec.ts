import { slotOf } from '../../lib/store/hash-slot.js';
import type { BankReport } from '../support/bank-workload.js';
import { ClusterBank } from '../support/cluster-bank.js';
import { describeRedis } from '../support/redis-server.js';
import { withSeed, type SeededRandom } from '../support/seeded-random.js';

describeRedis('a bank on a cluster that changes under load', () => {
  let bank: ClusterBank;

  beforeAll(async () => {
    bank = await ClusterBank.start({ replicas: 1 });
  }, 60_000);

  afterAll(() => bank.stop());

  beforeEach(() => bank.openAccounts());

  /** Runs the bank in two processes and changes the cluster as long as they work. */
  async function underLoad(random: SeededRandom, change: () => Promise<void>): Promise<number> {
    const calls = 700;
    const runs = [bank.startTeller(random, { calls }), bank.startTeller(random, { calls })];
    const ended = Promise.all(runs.map(({ report }) => report)) as Promise<BankReport[]>;
    let working = true;
    const stop = (): void => void (working = false);
    ended.then(stop, stop);
    let changes = 0;
    while (working) {
      await change();
      changes += 1;
    }
    expect(await bank.figures(await ended)).toEqual(bank.exact);
    return changes;
  }

  it('keeps its sums and counts while slots with its accounts move', async () => {
    await withSeed('moving slots', async (random) => {
      const { cluster } = bank;
      const slots = bank.keys.map(slotOf);
      const moves = await underLoad(random, async () => {
        const slot = random.pick(slots);
        const source = await cluster.masterOf(slot);
        const masters = await cluster.currentMasters();
        await cluster.moveSlot(slot, source, random.pick(masters.filter((one) => one !== source)));
      });
      expect(moves).toBeGreaterThan(10);
    });
  }, 120_000);

  it('keeps its sums and counts while replicas take over', async () => {
    await withSeed('planned failovers', async (random) => {
      const { cluster } = bank;
      const failovers = await underLoad(random, async () => {
        const masters = await cluster.currentMasters();
        await cluster.failOver(random.pick(cluster.nodes.filter((one) => !masters.includes(one))));
      });
      expect(failovers).toBeGreaterThan(1);
    });
  }, 120_000);
});
