import { type BookedWork, findItemAnomalies } from './item-invariants.js';
import type { Load } from './load.js';
import type { Anomalies, MeasurementSpec, Role } from './measurement.js';
import type { CreateScenario, Scenario } from './scenarios/scenario.js';
import { seededRandom } from './seeded-random.js';
import type { Call } from './systems/call.js';
import type { Amounts, ItemSystem, Work } from './systems/items/item-system.js';
import { readStoredAmounts } from './systems/items/stored-amounts.js';
import { ITEM_SYSTEMS, loadSystem, namesOf, type SystemName } from './systems/registry.js';

/** What the last attempt of a call has read and written. */
interface Attempt {
  readonly amounts: readonly number[];
  readonly writes: Amounts;
}

/** The calls of a scenario, and the exact amounts that the committed ones must have made. */
class ItemLoad implements Load {
  readonly #random: () => number;
  readonly #deltas = new Map<string, number>();
  #writes = 0;

  constructor(
    private readonly system: ItemSystem,
    private readonly scenario: Scenario,
    private readonly spec: MeasurementSpec,
  ) {
    this.#random = seededRandom(spec.seed);
  }

  async open(role: Role): Promise<void> {
    await this.system.setup(role === 'first' ? this.scenario.items : new Map());
  }

  async call(call: Call): Promise<boolean> {
    const work = this.scenario.draw(this.#random);
    let last: Attempt | undefined;
    const watched: Work = {
      reads: work.reads,
      inLua: work.inLua,
      decide: (amounts) => {
        const writes = work.decide(amounts);
        last = { amounts, writes: writes ?? new Map() };
        return writes;
      },
    };
    const committed = await this.system.run(watched, call);
    if (!committed) this.scenario.declined?.(work);
    else if (last !== undefined) this.#book(work, last);
    return committed;
  }

  #book(work: Work, { amounts, writes }: Attempt): void {
    for (const [id, amount] of writes) {
      const read = amounts[work.reads.indexOf(id)] ?? 0;
      this.#deltas.set(id, (this.#deltas.get(id) ?? 0) + amount - read);
    }
    this.#writes += writes.size;
  }

  work(): BookedWork {
    return { deltas: this.#deltas, writes: this.#writes };
  }

  async check(works: readonly BookedWork[]): Promise<Anomalies> {
    const left = await readStoredAmounts(this.spec.redisUrls[0]);
    return findItemAnomalies(this.scenario, left, works);
  }

  close(): Promise<void> {
    return this.system.close();
  }
}

/** A workload of the calls of a scenario. */
export function scenarioCalls(create: CreateScenario): {
  systems: readonly SystemName[];
  load: (spec: MeasurementSpec) => Promise<Load>;
} {
  return {
    systems: namesOf(ITEM_SYSTEMS),
    load: async (spec) => {
      const createSystem = await loadSystem(ITEM_SYSTEMS, spec.system);
      return new ItemLoad(createSystem(spec), create(spec.accounts, spec.seed), spec);
    },
  };
}
