import { slotOf, tagOfSlot } from '../../lib/store/hash-slot.js';
import type { BankReport } from '../support/bank-workload.js';
import { ClusterBank } from '../support/cluster-bank.js';
import { describeRedis } from '../support/redis-server.js';
import type { SeededRandom } from '../support/seeded-random.js';
import { say, shareOf, soak, soakLimitMs } from '../support/soak.js';

const MOVES = shareOf(1000);

describeRedis('for long, a bank whose slots move', () => {
  let bank: ClusterBank;

  beforeAll(async () => {
    bank = await ClusterBank.start();
    await bank.openAccounts();
  }, 60_000);

  afterAll(() => bank.stop());

  /** Where accounts with their records lie, who lives, and what the instances have noted. */
  async function slotsInUse(): Promise<number[]> {
    const journals = await Promise.all(
      bank.cluster.nodes.map((node) => node.command('KEYS', 'dtx:*:journal:*')),
    );
    const keys = [...bank.keys, `dtx:{${tagOfSlot(0)}}:instances`];
    return [...keys, ...(journals.flat() as string[])].map(slotOf);
  }

  async function moveOne(random: SeededRandom): Promise<void> {
    const { cluster } = bank;
    const slot = random.pick(await slotsInUse());
    const source = await cluster.masterOf(slot);
    const others = cluster.nodes.filter((node) => node !== source);
    await cluster.moveSlot(slot, source, random.pick(others));
  }

  it(
    `keeps its sums, counts every commit once and fails no call through ${MOVES} moves`,
    async () => {
      await soak('soak slot moves', async (random) => {
        const tellers = [bank.startTeller(random), bank.startTeller(random)];
        await bank.moreCommits(20);
        for (let move = 1; move <= MOVES; move += 1) {
          await moveOne(random);
          if (move % Math.min(100, MOVES) !== 0) continue;
          await bank.moreCommits(20);
          say(`${move} moves, ${await bank.commitCount()} commits`);
        }
        for (const teller of tellers) teller.stop();
        const ended = await Promise.all(tellers.map(({ report }) => report));
        const reports = ended as BankReport[];
        say(JSON.stringify(reports));
        expect(await bank.figures(reports)).toEqual(bank.exact);
        await bank.nothingLeft(10_000);
        for (const { errors } of reports) expect(errors).toEqual({});
      });
    },
    soakLimitMs,
  );
});
