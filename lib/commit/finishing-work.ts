import type { Cancel, Clock } from '../store/clock.js';
import type { Holdings } from '../store/journal.js';
import type { TransactionAddress } from '../store/transaction-address.js';
import type { FencedOutcome, HeldItem, VersionedStore } from '../store/versioned-store.js';
import type { CommitEvents } from './commit-events.js';
import { isFault } from './fault.js';
import type { Finisher } from './finisher.js';
import type { InstanceJournal } from './instance-journal.js';
import { Retirements } from './retirements.js';

/** Each try may take so long before the next one. */
const TRY_MS = 2000;
const PAUSE_MS = 200;

type Step = (until: number) => Promise<void>;

export interface FinishingSetup {
  readonly clock: Clock;
  readonly journal: InstanceJournal;
  readonly finisher: Finisher;
  readonly events: CommitEvents;
}

/**
 * What is left to do when a transaction is decided: nobody waits for it, and it is done again until it
 * succeeds, or until a fault shows that it never will. What a process leaves behind is done by whoever
 * meets its locks.
 */
export class FinishingWork {
  readonly #setup: FinishingSetup;
  readonly #underway = new Set<Promise<void>>();
  readonly #pauses = new Set<Cancel>();
  readonly #retirements: Retirements;
  #closed = false;

  constructor(setup: FinishingSetup) {
    this.#setup = setup;
    this.#retirements = new Retirements(setup.clock, (store, addresses) =>
      this.#retire(store, addresses),
    );
  }

  /** A committed transaction: writes what it decided elsewhere, then lets its record expire. */
  apply(store: VersionedStore, address: TransactionAddress, redo: readonly HeldItem[]): void {
    this.#persist([address], (until) =>
      this.#setup.finisher
        .apply(store, address, redo, until)
        .then(() => this.#retirements.add(store, address)),
    );
  }

  #retire(store: VersionedStore, addresses: readonly TransactionAddress[]): void {
    this.#persist(addresses, async (until) => {
      await Promise.all(addresses.map((address) => store.retire(address, until)));
      await this.#setup.journal.leave(store, addresses, until);
    });
  }

  /**
   * A transaction that must not commit: records so, then releases its locks. Resolves when that is
   * done, or when time is over; then it goes on in the background. Answers what the record says, which
   * is `committed` where the step that decided happened after all; undefined where nobody could tell.
   */
  async rollBack(
    store: VersionedStore,
    holdings: Holdings,
    until: number,
  ): Promise<FencedOutcome | undefined> {
    let recorded: FencedOutcome | undefined;
    try {
      await this.#settleHoldings(store, holdings, until, (outcome) => (recorded = outcome));
    } catch {
      this.settle(store, holdings.address, holdings.keys);
    }
    return recorded;
  }

  /** A transaction whose outcome nobody could tell: learns it, and finishes it accordingly. */
  settle(store: VersionedStore, address: TransactionAddress, keys: readonly string[]): void {
    this.#persist([address], (until) => this.#settleHoldings(store, { address, keys }, until));
  }

  /** Lets what is under way end, each with one last try; begins nothing more. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const cancel of this.#pauses) cancel();
    this.#retirements.close();
    while (this.#underway.size > 0) await Promise.all(this.#underway);
  }

  #persist(addresses: readonly TransactionAddress[], step: Step): void {
    const work = this.#try(addresses, step).then(() => void this.#underway.delete(work));
    this.#underway.add(work);
  }

  #try(addresses: readonly TransactionAddress[], step: Step): Promise<void> {
    const { clock, events } = this.#setup;
    const last = this.#closed;
    return step(clock.now() + TRY_MS).catch(async (error: unknown) => {
      if (isFault(error)) {
        for (const address of addresses) events.unfinished(address, error);
        return;
      }
      if (last) return;
      if (!this.#closed) await this.#pause();
      return this.#try(addresses, step);
    });
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        cancel();
        this.#pauses.delete(end);
        resolve();
      };
      const cancel = this.#setup.clock.schedule(PAUSE_MS, end, { background: true });
      this.#pauses.add(end);
    });
  }

  /** Fences first: no lock goes before the record says what became of the transaction. */
  async #settleHoldings(
    store: VersionedStore,
    { address, keys }: Holdings,
    until: number,
    tell: (outcome: FencedOutcome) => void = () => undefined,
  ): Promise<void> {
    const { finisher, journal } = this.#setup;
    const outcome = await store.fence(address, until);
    tell(outcome);
    const record = outcome === 'committed' ? await store.record(address, until) : undefined;
    await finisher.finishWhole(store, { address, keys, record }, until);
    await journal.leave(store, [address], until);
  }
}
