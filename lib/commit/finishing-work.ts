import { ParticipantUnavailableError } from '../errors/index.js';
import type { Enlisted } from '../participants/participant.js';
import type { Cancel, Clock } from '../store/clock.js';
import type { Holdings } from '../store/journal.js';
import type { TransactionAddress } from '../store/transaction-address.js';
import type { HeldItem, VersionedStore } from '../store/versioned-store.js';
import { driveBranches } from './branch-set.js';
import type { CommitEvents } from './commit-events.js';
import { isFault } from './fault.js';
import type { Finisher } from './finisher.js';
import type { InstanceJournal } from './instance-journal.js';
import { Retirements } from './retirements.js';

/** Each try may take so long before the next one. */
const TRY_MS = 2000;
const PAUSE_MS = 200;
/** A participant that fails for so long is told of, once for each transaction. */
const DELAY_TOLD_MS = 5000;
const UNDECIDED = 'The participant that decides the transaction could not be asked.';

type Outcome = 'committed' | 'rolled_back';
type Step = (until: number) => Promise<void>;

interface FailedWork {
  readonly addresses: readonly TransactionAddress[];
  readonly step: Step;
  /** Local monotonic milliseconds. */
  readonly begunAt: number;
  /** It was begun while everything ends, and is not tried again. */
  readonly isLast: boolean;
}

/** What a transaction holds, and what else takes part in it, as the process knows it that began it. */
export interface OwnHoldings extends Holdings {
  readonly branches?: readonly Enlisted[];
  /** Its decider was never asked to commit, or has refused to. */
  readonly cannotCommit?: boolean;
}

/** What is left to do of a committed transaction. */
export interface CommittedWork {
  readonly address: TransactionAddress;
  readonly redo: readonly HeldItem[];
  /** Those that are prepared. Default: none. */
  readonly branches?: readonly Enlisted[];
  /** What it holds, and does not change. Default: nothing. */
  readonly unchanged?: readonly string[];
}

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

  /**
   * A committed transaction: writes what it decided elsewhere, commits what was prepared, then lets its
   * record expire. Settles with the first try; what fails is tried again.
   */
  apply(store: VersionedStore, committed: CommittedWork): Promise<void> {
    const { address, redo, branches = [], unchanged = [] } = committed;
    const { finisher } = this.#setup;
    return this.#persist([address], (until) => {
      const works = [finisher.apply(store, address, redo, until)];
      if (branches.length > 0) works.push(driveBranches(branches, 'commit', until));
      if (unchanged.length > 0) works.push(finisher.release(store, address, unchanged, until));
      const done = works.length === 1 ? works[0]! : Promise.all(works);
      return done.then(() => this.#retirements.add(store, address));
    });
  }

  #retire(store: VersionedStore, addresses: readonly TransactionAddress[]): void {
    void this.#persist(addresses, async (until) => {
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
    holdings: OwnHoldings,
    until: number,
  ): Promise<Outcome | undefined> {
    let recorded: Outcome | undefined;
    try {
      await this.#settleHoldings(store, holdings, until, (outcome) => (recorded = outcome));
    } catch {
      this.settle(store, holdings);
    }
    return recorded;
  }

  /** A transaction committed in one step: removes its locks from what it did not change. */
  release(store: VersionedStore, { address, keys }: Holdings): void {
    void this.#persist([address], async (until) => {
      await this.#setup.finisher.release(store, address, keys, until);
      await this.#setup.journal.leave(store, [address], until);
    });
  }

  /** A transaction whose outcome nobody could tell: learns it, and finishes it accordingly. */
  settle(store: VersionedStore, holdings: OwnHoldings): void {
    void this.#persist([holdings.address], (until) => this.#settleHoldings(store, holdings, until));
  }

  /** Lets what is under way end, each with one last try; begins nothing more. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const cancel of this.#pauses) cancel();
    this.#retirements.close();
    while (this.#underway.size > 0) await Promise.all(this.#underway);
  }

  /** Settles with the first try. */
  #persist(addresses: readonly TransactionAddress[], step: Step): Promise<void> {
    const { clock } = this.#setup;
    const isLast = this.#closed;
    const begunAt = clock.now();
    const first = step(begunAt + TRY_MS);
    const work = first
      .catch((error: unknown) => this.#repeat(error, { addresses, step, begunAt, isLast }))
      .then(() => void this.#underway.delete(work));
    this.#underway.add(work);
    return first;
  }

  async #repeat(failure: unknown, work: FailedWork): Promise<void> {
    const { clock, events } = this.#setup;
    const { addresses, step, begunAt } = work;
    let error = failure;
    let { isLast } = work;
    for (let isTold = false; error !== undefined;) {
      if (isFault(error)) {
        for (const address of addresses) events.unfinished(address, error);
        return;
      }
      const isLate = isLast || clock.now() - begunAt >= DELAY_TOLD_MS;
      if (isLate && !isTold && error instanceof ParticipantUnavailableError) {
        for (const address of addresses) events.delayed(address, error);
        isTold = true;
      }
      if (isLast) return;
      if (!this.#closed) await this.#pause();
      isLast = this.#closed;
      error = await failureOf(step(clock.now() + TRY_MS));
    }
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
    { address, keys, branches, cannotCommit = false }: OwnHoldings,
    until: number,
    tell: (outcome: Outcome) => void = () => undefined,
  ): Promise<void> {
    const { finisher, journal } = this.#setup;
    if (cannotCommit) await store.conclude(address, 'rolled_back', until);
    const decision = await finisher.decide(store, address, until);
    if (decision === 'undecided') throw new ParticipantUnavailableError(UNDECIDED);
    const { record } = decision;
    tell(record?.status === 'committed' ? 'committed' : 'rolled_back');
    await finisher.finishWhole(store, { address, keys, record, branches }, until);
    await journal.leave(store, [address], until);
  }
}

async function failureOf(work: Promise<void>): Promise<unknown> {
  try {
    await work;
    return undefined;
  } catch (error) {
    return error;
  }
}
