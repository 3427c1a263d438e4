import type { ParticipantRegistry } from '../participants/participant-registry.js';
import type { Holdings } from '../store/journal.js';
import {
  homeIn,
  printAddress,
  tagOfHome,
  type TransactionAddress,
} from '../store/transaction-address.js';
import type { VersionedStore } from '../store/versioned-store.js';
import type { CommitEvents } from './commit-events.js';
import { isFault } from './fault.js';
import type { Finisher } from './finisher.js';

export interface RecoveryEnvironment {
  readonly finisher: Finisher;
  readonly events: CommitEvents;
  readonly participants: ParticipantRegistry;
}

export interface RecoveryOptions {
  /** How many transactions of one instance are looked at in one go. */
  readonly batch: number;
  /** The name of this instance. */
  readonly instance: string;
  /** The caches that the store consists of, in each of which records may lie. Default: the store. */
  readonly caches?: readonly Pick<VersionedStore, 'identity' | 'keepsRecords'>[] | undefined;
}

/** Others leave a dead instance to whoever recovers it for so long; then they take over. */
export const LEASE_MS = 1500;

/** What one round of recovery has done. */
export interface RecoveryReport {
  /** Transactions that were driven to their outcome. */
  readonly finished: number;
  /** Transactions that are undecided and not past their deadline yet. */
  readonly undecided: number;
  /** Transactions whose node could not be asked, or refused. */
  readonly failed: number;
}

const NOTHING: RecoveryReport = { finished: 0, undecided: 0, failed: 0 };

type Fate = keyof RecoveryReport;

/**
 * Finishes what instances left behind that have died. Any number of instances may do so at once: every
 * step may be repeated.
 *
 * R1 An undecided transaction is left alone before its deadline.
 * R2 An entry is struck out only when no lock of its transaction is left.
 */
export class Recovery {
  readonly #store: VersionedStore;
  readonly #environment: RecoveryEnvironment;
  readonly #options: RecoveryOptions;
  /** The addresses of transactions whose fault was reported. */
  readonly #reported = new Set<string>();

  constructor(store: VersionedStore, environment: RecoveryEnvironment, options: RecoveryOptions) {
    this.#store = store;
    this.#environment = environment;
    this.#options = options;
  }

  /** One round. @throws StoreUnavailableError, StoreRefusedError */
  async recover(until: number): Promise<RecoveryReport> {
    const report = await this.#recoverInstances(until);
    await this.#recoverBranches(until);
    return report;
  }

  /** What participants hold for transactions that no journal names. @throws what the first one fails with */
  async #recoverBranches(until: number): Promise<void> {
    const { finisher, participants } = this.#environment;
    const store = this.#store;
    const failures: unknown[] = [];
    for (const participant of participants) {
      if (participant.recover === undefined) continue;
      for (const one of this.#options.caches ?? [store]) {
        if (!one.keepsRecords) continue;
        try {
          const cache = await one.identity(until);
          const placed = (address: TransactionAddress): TransactionAddress => ({
            ...address,
            home: homeIn(cache, tagOfHome(address.home)),
          });
          await participant.recover({
            cache,
            until,
            outcomeOf: async (address) => {
              const decision = await finisher.decisionOf(store, placed(address), until);
              if (decision === 'undecided') return decision;
              return decision.record?.status === 'committed' ? 'committed' : 'rolled_back';
            },
            isPending: async (address) =>
              (await store.record(placed(address), until))?.status === 'pending',
          });
        } catch (error) {
          failures.push(error);
        }
      }
    }
    if (failures.length > 0) throw failures[0];
  }

  async #recoverInstances(until: number): Promise<RecoveryReport> {
    let total = NOTHING;
    const failures: unknown[] = [];
    for (const instance of await this.#store.journal.lapsed(until)) {
      try {
        total = add(total, await this.#recoverInstance(instance, until));
      } catch (error) {
        // What others hold may lie elsewhere.
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
    return total;
  }

  async #recoverInstance(instance: string, until: number): Promise<RecoveryReport> {
    const { journal } = this.#store;
    const { batch: most, instance: by } = this.#options;
    if (!(await journal.claim(instance, { by, leaseMs: LEASE_MS }, until))) return NOTHING;
    // A note may stand on two pages.
    const seen = new Set<string>();
    let total = NOTHING;
    let from: string | undefined;
    do {
      const page = await journal.entries(instance, { most, from }, until);
      const entries = page.entries.filter(({ address }) => isNew(seen, printAddress(address)));
      const fates = await Promise.all(entries.map((entry) => this.#fateOf(entry, until)));
      const finished = entries.filter((_, nth) => fates[nth] === 'finished');
      if (finished.length > 0) {
        const addresses = finished.map(({ address }) => address);
        await journal.leave(instance, addresses, until);
      }
      total = add(add(total, countOf(fates)), { ...NOTHING, failed: page.unreadable });
      from = page.next;
    } while (from !== undefined);
    if (total.undecided === 0 && total.failed === 0) await journal.forget(instance, until);
    return total;
  }

  async #fateOf(entry: Holdings, until: number): Promise<Fate> {
    try {
      return await this.#finish(entry, until);
    } catch (error) {
      if (isFault(error) && isNew(this.#reported, printAddress(entry.address))) {
        this.#environment.events.unfinished(entry.address, error);
      }
      return 'failed';
    }
  }

  async #finish(entry: Holdings, until: number): Promise<Fate> {
    const { finisher } = this.#environment;
    const { address, keys } = entry;
    const decision = await finisher.decisionOf(this.#store, address, until);
    if (decision === 'undecided') return decision;
    const { record } = decision;
    await finisher.finishWhole(this.#store, { address, keys, record }, until);
    return 'finished';
  }
}

function isNew(seen: Set<string>, name: string): boolean {
  const { size } = seen;
  return seen.add(name).size > size;
}

function countOf(fates: readonly Fate[]): RecoveryReport {
  const count = (fate: Fate): number => fates.filter((one) => one === fate).length;
  return { finished: count('finished'), undecided: count('undecided'), failed: count('failed') };
}

function add(one: RecoveryReport, other: RecoveryReport): RecoveryReport {
  return {
    finished: one.finished + other.finished,
    undecided: one.undecided + other.undecided,
    failed: one.failed + other.failed,
  };
}
