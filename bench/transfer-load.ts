import type { PickPair } from './account-pairs.js';
import { accountIds, InsufficientFundsError } from './accounts.js';
import { type CommittedWork, findAnomalies } from './invariants.js';
import type { Load } from './load.js';
import type { Anomalies, MeasurementSpec, Role } from './measurement.js';
import { seededRandom } from './seeded-random.js';
import type { Call } from './systems/call.js';
import { loadSystem, namesOf, type SystemName, type Systems } from './systems/registry.js';
import type { StoredAccount, System } from './systems/system.js';

const AMOUNT_MAX = 9;

interface TransferOptions {
  readonly pick: PickPair;
  readonly accounts: number;
  readonly seed: number;
}

/** Transfers between two accounts, and the exact balances that the committed ones must have made. */
class TransferLoad implements Load {
  readonly #ids: readonly string[];
  readonly #random: () => number;
  /** Per account: what all committed transfers added to it. */
  readonly #deltas: Float64Array;
  #commits = 0;
  #stored: readonly StoredAccount[] = [];

  constructor(
    private readonly system: System,
    private readonly options: TransferOptions,
  ) {
    this.#ids = accountIds(options.accounts);
    this.#random = seededRandom(options.seed);
    this.#deltas = new Float64Array(options.accounts);
  }

  async open(role: Role): Promise<void> {
    await this.system.setup(role === 'first' ? this.#ids : []);
    if (role === 'first') this.#stored = await this.system.check(this.#ids);
  }

  async call(call: Call): Promise<boolean> {
    const [from, to] = this.options.pick(this.#ids.length, this.#random);
    const amount = 1 + Math.floor(this.#random() * AMOUNT_MAX);
    try {
      await this.system.transfer(this.#ids[from] as string, this.#ids[to] as string, amount, call);
    } catch (error) {
      if (error instanceof InsufficientFundsError) return false;
      throw error;
    }
    this.#commits += 1;
    this.#deltas[from] = (this.#deltas[from] as number) - amount;
    this.#deltas[to] = (this.#deltas[to] as number) + amount;
    return true;
  }

  work(): CommittedWork {
    return { commits: this.#commits, deltas: this.#deltas };
  }

  async check(works: readonly CommittedWork[]): Promise<Anomalies> {
    return findAnomalies(this.#stored, await this.system.check(this.#ids), works);
  }

  close(): Promise<void> {
    return this.system.close();
  }
}

/** A workload of transfers by these systems between pairs of accounts. */
export function transfers(
  systems: Systems,
  pick: PickPair,
): { systems: readonly SystemName[]; load: (spec: MeasurementSpec) => Promise<Load> } {
  return {
    systems: namesOf(systems),
    load: async (spec) => {
      const create = await loadSystem(systems, spec.system);
      return new TransferLoad(create(spec), { pick, accounts: spec.accounts, seed: spec.seed });
    },
  };
}
