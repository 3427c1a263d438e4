import type { ContentionCounts } from '../../lib/transaction/hot-items.js';
import { embeddedNodes } from '../support/layouts.js';
import { NodeGroup, TIMEOUT_MS, type GroupMember } from '../support/node-group.js';
import { FAULT_KINDS } from '../support/faulty-store.js';
import { withSeed, type SeededRandom } from '../support/seeded-random.js';
import { NODE_LETTERS, Purse } from '../support/spread-entities.js';

const IDS = NODE_LETTERS.slice(0, 3);
const PROCESSES = 3;
const CLIENTS = 8;
const CALLS = 30;

interface Setup {
  readonly random: SeededRandom;
  /** How probable it is that a question for the turn meets a fault. */
  readonly faults: number;
}

/** Processes that all add to the same three items; a step takes a millisecond. */
class Crowd {
  attempts = 0;
  committed = 0;
  failed = 0;
  readonly #setup: Setup;
  readonly #group = new NodeGroup(embeddedNodes(1));
  readonly #members: GroupMember[] = [];

  constructor(setup: Setup) {
    this.#setup = setup;
  }

  get #purses() {
    return this.#members[0]!.runtime.repository(Purse);
  }

  async start(): Promise<void> {
    const { random, faults } = this.#setup;
    for (let nth = 0; nth < PROCESSES; nth++) {
      const own = random.fork();
      const member = await this.#group.join(() => own.next());
      member.store.before = () =>
        new Promise((resolve) => void this.#group.clock.schedule(1, resolve));
      member.store.faultOf = ({ method }) =>
        method.startsWith('turn.') && own.chance(faults)
          ? { kind: own.pick(FAULT_KINDS), afterCalls: 5 }
          : undefined;
      this.#members.push(member);
    }
    for (const id of IDS) await this.#group.drive(this.#purses.save({ id, balance: 0, points: 0 }));
  }

  async run(): Promise<void> {
    const clients = this.#members.flatMap((member) =>
      Array.from({ length: CLIENTS }, () => this.#client(member)),
    );
    await this.#group.drive(Promise.all(clients), 1);
  }

  /** Dead processes have no part in it. */
  async sum(): Promise<number> {
    const judge = await this.#group.join();
    const found = await this.#group.drive(judge.runtime.repository(Purse).findManyOrFail(IDS));
    return found.reduce((total, { balance }) => total + balance, 0);
  }

  get contention(): ContentionCounts[] {
    return this.#members.map(({ runtime }) => runtime.manager.contention!);
  }

  get elapsedMs(): number {
    return this.#group.clock.now();
  }

  async close(): Promise<void> {
    await this.#group.close();
  }

  async #client({ runtime, store }: GroupMember): Promise<void> {
    const { random } = this.#setup;
    const purses = runtime.repository(Purse);
    for (let call = 0; call < CALLS && !store.isDead; call++) {
      const ids = [...new Set([random.pick(IDS), random.pick(IDS)])];
      const work = async (): Promise<void> => {
        this.attempts++;
        for (const purse of await purses.findManyOrFail(ids)) {
          await purses.save({ ...purse, balance: purse.balance + 1 });
        }
      };
      try {
        await runtime.manager.run(work, { timeoutMs: 5 * TIMEOUT_MS });
        this.committed += ids.length;
      } catch (error) {
        this.failed++;
        if (!store.isDead) throw error;
      }
    }
  }
}

describe('processes that want the same items', () => {
  it('take turns on them, so that hardly a transaction has to run again', async () => {
    await withSeed('turns', async (random) => {
      const crowd = new Crowd({ random, faults: 0 });
      await crowd.start();
      await crowd.run();

      expect(await crowd.sum()).toBe(crowd.committed);
      expect(crowd.failed).toBe(0);
      expect(crowd.attempts).toBeLessThan(1.5 * PROCESSES * CLIENTS * CALLS);
      for (const { processTurns, handOvers } of crowd.contention) {
        expect(processTurns).toBeGreaterThan(1);
        expect(handOvers).toBeGreaterThan(CALLS);
      }
      await crowd.close();
    });
  }, 30_000);

  it('lose nothing but time where the turn does not come, or comes to two', async () => {
    await withSeed('lost turns', async (random) => {
      const crowd = new Crowd({ random, faults: 0.2 });
      await crowd.start();
      await crowd.run();

      // A process that died may have committed what it was never told.
      const sum = await crowd.sum();
      expect(sum).toBeGreaterThanOrEqual(crowd.committed);
      expect(sum).toBeLessThanOrEqual(crowd.committed + 2 * crowd.failed);
      await crowd.close();
    });
  }, 30_000);
});
