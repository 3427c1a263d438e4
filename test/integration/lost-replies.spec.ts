import { StoreUnavailableError } from '../../lib/errors/index.js';
import { List, Tally } from '../support/entities.js';
import { FaultProxy, type Fault, type ProxiedRequest } from '../support/fault-proxy.js';
import { outcomeOf, type Outcome } from '../support/outcome.js';
import { describeRedis, RedisServer } from '../support/redis-server.js';
import { withSeed, type SeededRandom } from '../support/seeded-random.js';
import { TestRuntime } from '../support/test-runtime.js';

/** The key of the record alone: a question about an outcome. With items: a commit. */
function isCommit(request: ProxiedRequest): boolean {
  return request.name.startsWith('eval') && Number(request.argument(2)) > 1;
}

function isFence(request: ProxiedRequest): boolean {
  return request.name.startsWith('eval') && request.argument(2) === '1';
}

const faults: readonly Fault[] = [
  { kind: 'cutBeforeRequest' },
  { kind: 'cutBeforeReply' },
  // Delivered right after the question for its outcome has fenced it off.
  { kind: 'deliverLate', afterCommands: 1 },
  // Delivered at the end of the round, when the call has been answered and repeated.
  { kind: 'deliverLate' },
  { kind: 'dropReply' },
  { kind: 'reset', when: 'beforeRequest' },
  { kind: 'reset', when: 'beforeReply' },
];

/** One client of its own, whose commits are broken one after the other. */
class Teller {
  readonly acknowledged: number[] = [];
  readonly refused: number[] = [];
  /** Errors that leave the caller without the truth, or came too late. */
  readonly misled: Error[] = [];
  resolved = 0;
  #value = 0;

  private constructor(
    readonly index: number,
    readonly proxy: FaultProxy,
    readonly runtime: TestRuntime,
    readonly random: SeededRandom,
  ) {}

  // oxlint-disable-next-line max-params -- one server, one place, one source of chance
  static async open(index: number, targetPort: number, random: SeededRandom): Promise<Teller> {
    const proxy = await FaultProxy.start({ targetPort });
    const runtime = await TestRuntime.open({ redis: proxy.url, commandTimeoutMs: 120 });
    return new Teller(index, proxy, runtime, random);
  }

  get listId(): string {
    return `list${this.index}`;
  }

  get tallyId(): string {
    return `tally${this.index}`;
  }

  /** Up to three calls at once, of which the n-th commit script meets a fault. */
  async runRound(fault: Fault): Promise<void> {
    const calls = 1 + this.random.integer(3);
    const nth = this.random.chance(0.7) ? 1 : 2;
    const alsoFence = this.random.chance(0.2);
    const repeated = this.random.chance(0.5);
    let commits = 0;
    let fences = 0;
    this.proxy.decide = (request) => {
      if (isCommit(request) && ++commits === nth) return fault;
      if (alsoFence && isFence(request) && ++fences === 1) return { kind: 'cutBeforeReply' };
      return undefined;
    };
    await Promise.all(Array.from({ length: calls }, () => this.#call(repeated)));
    this.proxy.decide = () => undefined;
    await this.proxy.releaseLate();
  }

  async close(): Promise<void> {
    await this.runtime.close();
    await this.proxy.stop();
  }

  async #call(repeated: boolean): Promise<void> {
    const value = this.#value++;
    const lists = this.runtime.repository(List);
    const tallies = this.runtime.repository(Tally);
    const outcome = await outcomeOf(
      this.runtime.manager.run(
        async () => {
          // A conflict with a call of the same round is no fault and no subject here.
          const id = `${this.listId}-${value % 3}`;
          const list = await lists.findOne(id);
          await lists.save({ id, values: [...(list?.values ?? []), value] });
          await tallies.increment(this.tallyId, 'count', 1 + value);
        },
        { timeoutMs: 5000, retry: { attempts: repeated ? 100 : 1 } },
      ),
    );
    this.#note(value, outcome);
  }

  #note(value: number, outcome: Outcome<void>): void {
    if (outcome.kind === 'resolved') {
      this.acknowledged.push(value);
      this.resolved += 1 + value;
    } else {
      const isCertain = outcome.error instanceof StoreUnavailableError;
      if (!isCertain || outcome.tookMs > 5100) this.misled.push(outcome.error);
      this.refused.push(value);
    }
  }
}

describeRedis('a commit whose reply is lost', () => {
  let server: RedisServer;

  beforeAll(async () => {
    server = await RedisServer.start();
  });

  afterAll(async () => {
    await server.stop();
  });

  async function expectExactlyOnce(teller: Teller): Promise<void> {
    const lists = teller.runtime.repository(List);
    const ids = [0, 1, 2].map((nth) => `${teller.listId}-${nth}`);
    const stored = (await lists.findMany(ids)).flatMap((list) => list?.values ?? []);
    expect(stored.toSorted((a, b) => a - b)).toEqual(teller.acknowledged.toSorted((a, b) => a - b));
    const { count } = await teller.runtime.repository(Tally).findOneOrFail(teller.tallyId);
    expect(count).toBe(teller.resolved);
  }

  it('ends in the truth: applied exactly once when it resolved, not at all when it was refused', async () => {
    await withSeed('lost replies', async (random) => {
      const indexes = [0, 1, 2, 3];
      const tellers = await Promise.all(
        indexes.map((index) => Teller.open(index, server.port, random.fork())),
      );
      await Promise.all(
        tellers.map(async (teller) => {
          await teller.runtime.repository(Tally).save({ id: teller.tallyId, count: 0 });
          for (let round = 0; round < 154; round += 1) {
            await teller.runRound(faults[round % faults.length]!);
            if (round % 12 === 11) await expectExactlyOnce(teller);
          }
          await expectExactlyOnce(teller);
        }),
      );
      const made = tellers.map(({ proxy }) => proxy.counts.faults);
      const total = made
        .flatMap((counts) => Object.entries(counts))
        .reduce((sum, [kind, count]) => (kind === 'pass' ? sum : sum + count), 0);
      const refused = tellers.reduce((sum, teller) => sum + teller.refused.length, 0);
      console.log(`${total} faults, ${refused} calls refused`);
      expect(tellers.flatMap(({ misled }) => misled)).toEqual([]);
      expect(total).toBeGreaterThanOrEqual(400);
      expect(refused).toBeGreaterThan(20);
      await Promise.all(tellers.map((teller) => teller.close()));
    });
  }, 120_000);

  it('is refused when it arrives after its outcome was asked for', async () => {
    const proxy = await FaultProxy.start({ targetPort: server.port });
    const runtime = await TestRuntime.open({ redis: proxy.url });
    const tallies = runtime.repository(Tally);
    await tallies.save({ id: 'late', count: 0 });
    let commits = 0;
    proxy.decide = (request) =>
      isCommit(request) && ++commits === 1 ? { kind: 'deliverLate' } : undefined;
    let address = '';

    const call = runtime.manager.run(
      async () => {
        address ||= runtime.manager.current()!.address;
        await tallies.increment('late', 'count', 1);
      },
      { retry: { attempts: 1 } },
    );

    await expect(call).rejects.toBeInstanceOf(StoreUnavailableError);
    expect(await proxy.releaseLate()).toBe(1);
    expect(await tallies.findOneOrFail('late')).toMatchObject({ count: 0 });
    expect(await runtime.manager.outcomeOf(address)).toBe('rolled_back');
    await runtime.close();
    await proxy.stop();
  });
});
