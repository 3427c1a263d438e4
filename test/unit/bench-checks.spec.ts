import { type BookedWork, findItemAnomalies } from '../../bench/item-invariants.js';
import { isClean } from '../../bench/measurement.js';
import { percentiles, Samples } from '../../bench/samples.js';
import { flashSale } from '../../bench/scenarios/flash-sale.js';
import { newOrder } from '../../bench/scenarios/new-order.js';
import type { CreateScenario, Scenario } from '../../bench/scenarios/scenario.js';
import { smallBank } from '../../bench/scenarios/smallbank.js';
import { seededRandom } from '../../bench/seeded-random.js';
import type { StoredAmount } from '../../bench/systems/items/stored-amounts.js';

const SEED = 7;
const CALLS = 2000;

/** One attempt of a call on a store of its own, and what it reports as committed. */
class SerialRun {
  readonly left: Map<string, StoredAmount>;
  readonly #deltas = new Map<string, number>();
  readonly #random = seededRandom(SEED);
  #writes = 0;
  declined = 0;

  constructor(readonly scenario: Scenario) {
    this.left = new Map([...scenario.items].map(([id, amount]) => [id, { amount, version: 1 }]));
  }

  get work(): BookedWork {
    return { deltas: this.#deltas, writes: this.#writes };
  }

  /** `stored` tells which of the writes that are reported get there. */
  call(stored: (nth: number) => boolean = () => true): void {
    const work = this.scenario.draw(this.#random);
    const amounts = work.reads.map((id) => this.left.get(id)?.amount ?? Number.NaN);
    const writes = work.decide(amounts);
    if (writes === undefined) {
      this.declined += 1;
      this.scenario.declined?.(work);
      return;
    }
    for (const [nth, [id, amount]] of [...writes].entries()) {
      const read = amounts[work.reads.indexOf(id)] ?? 0;
      this.#deltas.set(id, (this.#deltas.get(id) ?? 0) + amount - read);
      this.#writes += 1;
      const version = (this.left.get(id)?.version ?? 0) + 1;
      if (stored(nth)) this.left.set(id, { amount, version });
    }
  }

  calls(count: number): this {
    for (let made = 0; made < count; made += 1) this.call();
    return this;
  }
}

const SCENARIOS: readonly (readonly [name: string, create: CreateScenario])[] = [
  ['flash-sale', flashSale],
  ['smallbank', smallBank],
  ['new-order', newOrder],
];

describe.each(SCENARIOS)('the check of %s', (_, create) => {
  it('finds nothing wrong where calls came one after the other, some of them declined', () => {
    const run = new SerialRun(create(100, SEED)).calls(CALLS);

    const anomalies = findItemAnomalies(run.scenario, run.left, [run.work]);

    expect(anomalies).toEqual({ wrongItems: 0, sumError: 0, versionError: 0 });
    expect(run.declined).toBeGreaterThan(0);
  });

  it('puts together what several processes have done', () => {
    const run = new SerialRun(create(100, SEED)).calls(CALLS);
    const other: BookedWork = { deltas: new Map([['missing', 5]]), writes: 1 };

    const anomalies = findItemAnomalies(run.scenario, run.left, [run.work, other]);

    expect(anomalies).toEqual({ wrongItems: 1, sumError: -5, versionError: -1 });
  });

  it('sees a single write that was reported and is not there', () => {
    const run = new SerialRun(create(100, SEED)).calls(CALLS);
    const before = run.work.writes;
    while (run.work.writes === before) run.call((nth) => nth > 0);
    run.calls(10);

    const anomalies = findItemAnomalies(run.scenario, run.left, [run.work]);

    expect(isClean(anomalies)).toBe(false);
    expect(anomalies.versionError).toBe(-1);
  });
});

describe('the rules of a scenario', () => {
  const amountsOf = ({ left }: SerialRun): Map<string, number> =>
    new Map([...left].map(([id, { amount }]) => [id, amount]));

  it('refuse a product that is oversold, and one whose orders are not what was taken', () => {
    const run = new SerialRun(flashSale(10, SEED)).calls(CALLS);
    const left = amountsOf(run);
    expect(run.scenario.violations(left)).toBe(0);

    left.set('stock:0', -1);
    left.set('order:1:another', 1);

    expect(run.scenario.violations(left)).toBe(2);
  });

  it('refuse a gap in the numbers of orders, an order above the counter, a missing line', () => {
    const run = new SerialRun(newOrder(100, SEED)).calls(CALLS);
    const left = amountsOf(run);
    expect(run.scenario.violations(left)).toBe(0);

    left.delete('line:3:2:1');
    left.set('order:4:99999', 5);
    const lines = left.get('order:5:1')!;
    left.delete('order:5:1');

    // The lines of the order that is missing belong to nobody.
    expect(run.scenario.violations(left)).toBe(3 + lines);
  });

  it('refuse savings below zero', () => {
    const run = new SerialRun(smallBank(100, SEED)).calls(CALLS);
    const left = amountsOf(run);
    expect(run.scenario.violations(left)).toBe(0);

    left.set('savings:4', -1);

    expect(run.scenario.violations(left)).toBe(1);
  });
});

describe('percentiles', () => {
  it('are of the samples of all processes together, by the nearest rank', () => {
    const [some, others] = [new Samples(), new Samples()];
    for (let sample = 1; sample <= 50; sample += 1) some.record(sample);
    for (let sample = 51; sample <= 100; sample += 1) others.record(sample);

    expect(percentiles([others.all(), some.all()], 50, 99, 100)).toEqual([50, 99, 100]);
  });

  it('are not a number without samples', () => {
    expect(percentiles([], 50)).toEqual([Number.NaN]);
  });
});
