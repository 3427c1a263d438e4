import type { Cancel, Clock } from '../store/clock.js';
import type { Holdings } from '../store/journal.js';
import { printAddress, type TransactionAddress } from '../store/transaction-address.js';
import type { VersionedStore } from '../store/versioned-store.js';

export interface HeartbeatOptions {
  /** How often an instance says that it lives, in milliseconds. */
  readonly heartbeatMs: number;
  /** After so long without a heartbeat an instance counts as dead, in milliseconds. */
  readonly lapseMs: number;
}

export interface InstanceJournalOptions extends HeartbeatOptions {
  /** Told of a note whose transaction this instance knows nothing of any more: it came too late. */
  readonly onStray: (store: VersionedStore, holdings: Holdings) => void;
}

/** Between two looks for notes that came too late. */
const HEARTBEATS_PER_LOOK = 10;
const NOTES_PER_PAGE = 100;

/** The heartbeats of this instance in one store. */
interface Pulse {
  /** Local monotonic milliseconds of the last heartbeat that was answered. */
  lastAt: number;
  count: number;
  cancel: Cancel;
}

/**
 * The journal of this instance, in each store that it commits over several nodes of. An instance that
 * never does says nothing, and costs nothing.
 *
 * J1 Nothing is written down before others can find out that the instance has died.
 * J2 A note that comes after its transaction is over is found by the instance itself, or after its death.
 */
export class InstanceJournal {
  readonly #instance: string;
  readonly #clock: Clock;
  readonly #options: InstanceJournalOptions;
  readonly #alive = new Map<VersionedStore, Promise<void>>();
  readonly #pulses = new Map<VersionedStore, Pulse>();
  /** The addresses of transactions that are going to be struck out. */
  readonly #inFlight = new Set<string>();
  #closed = false;

  constructor(instance: string, clock: Clock, options: InstanceJournalOptions) {
    this.#instance = instance;
    this.#clock = clock;
    this.#options = options;
  }

  /** J1. @throws StoreUnavailableError, StoreRefusedError */
  enter(store: VersionedStore, holdings: Holdings, until: number): Promise<void> {
    this.#inFlight.add(printAddress(holdings.address));
    const enter = (): Promise<void> => store.journal.enter(this.#instance, holdings, until);
    return this.#live(store, until).then(enter);
  }

  async leave(
    store: VersionedStore,
    addresses: readonly TransactionAddress[],
    until: number,
  ): Promise<void> {
    await store.journal.leave(this.#instance, addresses, until);
    for (const address of addresses) this.#inFlight.delete(printAddress(address));
  }

  /** Beats no more. What is still written down is finished by another instance. */
  close(): void {
    this.#closed = true;
    for (const { cancel } of this.#pulses.values()) cancel();
  }

  #live(store: VersionedStore, until: number): Promise<void> {
    let alive = this.#alive.get(store);
    if (alive === undefined || this.#isSilent(store)) {
      // All that come meanwhile wait for the same heartbeat.
      this.#pulseIn(store).lastAt = this.#clock.now();
      alive = this.#beat(store, until);
      this.#alive.set(store, alive);
      alive.catch(() => this.#alive.delete(store));
    }
    return alive;
  }

  /** Others may have taken the instance for dead, and have forgotten it. */
  #isSilent(store: VersionedStore): boolean {
    const pulse = this.#pulses.get(store);
    return pulse !== undefined && this.#clock.now() - pulse.lastAt >= this.#options.lapseMs;
  }

  async #beat(store: VersionedStore, until: number): Promise<void> {
    await store.journal.beat(this.#instance, this.#options.lapseMs, until);
    const pulse = this.#pulseIn(store);
    pulse.lastAt = this.#clock.now();
    if (++pulse.count % HEARTBEATS_PER_LOOK === 0) void this.#lookForStrays(store);
    this.#beatLater(store);
  }

  #beatLater(store: VersionedStore): void {
    const pulse = this.#pulseIn(store);
    pulse.cancel();
    if (this.#closed) return;
    const { heartbeatMs } = this.#options;
    const again = (): void => {
      // A heartbeat that fails is followed by another one; nothing here rests on being thought alive.
      this.#beat(store, this.#clock.now() + heartbeatMs).catch(() => this.#beatLater(store));
    };
    pulse.cancel = this.#clock.schedule(heartbeatMs, again, { background: true });
  }

  #pulseIn(store: VersionedStore): Pulse {
    let pulse = this.#pulses.get(store);
    if (pulse === undefined) {
      pulse = { lastAt: this.#clock.now(), count: 0, cancel: () => undefined };
      this.#pulses.set(store, pulse);
    }
    return pulse;
  }

  /** J2. One that fails is followed by another one. */
  async #lookForStrays(store: VersionedStore): Promise<void> {
    const { heartbeatMs, onStray } = this.#options;
    const until = this.#clock.now() + heartbeatMs;
    let from: string | undefined;
    try {
      do {
        const request = { most: NOTES_PER_PAGE, from };
        const page = await store.journal.entries(this.#instance, request, until);
        for (const holdings of page.entries) {
          if (!this.#isStray(store, holdings.address)) continue;
          this.#inFlight.add(printAddress(holdings.address));
          onStray(store, holdings);
        }
        from = page.next;
      } while (from !== undefined);
    } catch {
      return;
    }
  }

  #isStray(store: VersionedStore, address: TransactionAddress): boolean {
    const isOver = store.toNodeTime(this.#clock.now(), address.home) >= address.deadlineAtMs;
    return isOver && !this.#inFlight.has(printAddress(address));
  }
}
