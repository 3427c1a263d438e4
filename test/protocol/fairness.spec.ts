import { embeddedNodes } from '../support/layouts.js';
import { NodeGroup, TIMEOUT_MS, type GroupMember } from '../support/node-group.js';
import { withSeed, type SeededRandom } from '../support/seeded-random.js';
import { NODE_LETTERS, Purse } from '../support/spread-entities.js';

const IDS = NODE_LETTERS.slice(0, 4);
const INSTANCES = 3;
const CLIENTS = 24;
const CALLS_PER_CLIENT = 40;

interface Tally {
  readonly attempts: number[];
  failed: number;
}

/** Everybody changes a few items of four nodes; a step takes a millisecond or two. */
class Crowd {
  readonly tallies: Readonly<Record<'two' | 'all', Tally>> = {
    two: { attempts: [], failed: 0 },
    all: { attempts: [], failed: 0 },
  };
  readonly #group = new NodeGroup(embeddedNodes(IDS.length));
  readonly #random: SeededRandom;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  async run(): Promise<void> {
    const members: GroupMember[] = [];
    for (let nth = 0; nth < INSTANCES; nth++) {
      const jitter = this.#random.fork();
      members.push(await this.#group.join(() => jitter.next()));
    }
    const purses = members[0]!.runtime.repository(Purse);
    for (const id of IDS) await this.#group.drive(purses.save({ id, balance: 0, points: 0 }));
    for (const { store } of members) store.before = () => this.#pause(1 + this.#random.integer(2));
    const clients = Array.from({ length: CLIENTS }, (_, nth) =>
      this.#client(members[nth % INSTANCES]!, nth % 6 === 0 ? 'all' : 'two'),
    );
    await this.#group.drive(Promise.all(clients), 1);
    await this.#group.close();
  }

  async #client({ runtime }: GroupMember, kind: 'two' | 'all'): Promise<void> {
    const purses = runtime.repository(Purse);
    const tally = this.tallies[kind];
    for (let call = 0; call < CALLS_PER_CLIENT; call++) {
      const drawn = [this.#random.pick(IDS), this.#random.pick(IDS)];
      const ids = kind === 'all' ? IDS : [...new Set(drawn)];
      let attempts = 0;
      const work = async (): Promise<void> => {
        attempts += 1;
        const found = await purses.findManyOrFail(ids);
        for (const purse of found) await purses.save({ ...purse, balance: purse.balance + 1 });
      };
      const options = { retry: { attempts: 1000 }, timeoutMs: 10 * TIMEOUT_MS };
      await runtime.manager.run(work, options).catch(() => (tally.failed += 1));
      tally.attempts.push(attempts);
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#group.clock.schedule(ms, resolve));
  }
}

function quantile(numbers: readonly number[], q: number): number {
  return numbers.toSorted((one, other) => one - other)[Math.floor((numbers.length - 1) * q)]!;
}

it('nobody starves where everybody wants the same four items', async () => {
  await withSeed('a crowd', async (random) => {
    const crowd = new Crowd(random);
    await crowd.run();

    const { two, all } = crowd.tallies;
    for (const [kind, { attempts }] of Object.entries(crowd.tallies)) {
      const [half, most, nearlyAll, worst] = [0.5, 0.9, 0.99, 1].map((q) => quantile(attempts, q));
      console.log(
        `${kind} items: attempts ${half} (p50), ${most} (p90), ${nearlyAll} (p99), ${worst}`,
      );
    }
    expect([two.failed, all.failed]).toEqual([0, 0]);
    // After four attempts that failed, the fifth one holds everything.
    expect(Math.max(...two.attempts, ...all.attempts)).toBeLessThanOrEqual(8);
    // Who needs more of the items has a harder time, and yet no other one.
    expect(quantile(all.attempts, 0.9)).toBeLessThan(4 * quantile(two.attempts, 0.9));
  });
}, 60_000);
