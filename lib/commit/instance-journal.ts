import type { Cancel, Clock } from '../store/clock.js';
import type { Holdings } from '../store/journal.js';
import type { TransactionAddress } from '../store/transaction-address.js';
import type { VersionedStore } from '../store/versioned-store.js';

export interface HeartbeatOptions {
  /** How often an instance says that it lives, in milliseconds. */
  readonly heartbeatMs: number;
  /** After so long without a heartbeat an instance counts as dead, in milliseconds. */
  readonly lapseMs: number;
}

/**
 * The journal of this instance, in each store that it commits over several nodes of. An instance that
 * never does says nothing, and costs nothing.
 *
 * J1 Nothing is written down before others can find out that the instance has died.
 */
export class InstanceJournal {
  readonly #instance: string;
  readonly #clock: Clock;
  readonly #options: HeartbeatOptions;
  readonly #alive = new Map<VersionedStore, Promise<void>>();
  /** By the stores where it has said that it lives. */
  readonly #beats = new Map<VersionedStore, Cancel>();
  #closed = false;

  constructor(instance: string, clock: Clock, options: HeartbeatOptions) {
    this.#instance = instance;
    this.#clock = clock;
    this.#options = options;
  }

  get instance(): string {
    return this.#instance;
  }

  /** J1. @throws StoreUnavailableError, StoreRefusedError */
  enter(store: VersionedStore, holdings: Holdings, until: number): Promise<void> {
    const enter = (): Promise<void> => store.journal.enter(this.#instance, holdings, until);
    return this.#beats.has(store) ? enter() : this.#live(store, until).then(enter);
  }

  leave(store: VersionedStore, address: TransactionAddress, until: number): Promise<void> {
    return store.journal.leave(this.#instance, [address], until);
  }

  /** Beats no more. What is still written down is finished by another instance. */
  close(): void {
    this.#closed = true;
    for (const cancel of this.#beats.values()) cancel();
  }

  #live(store: VersionedStore, until: number): Promise<void> {
    let alive = this.#alive.get(store);
    if (alive === undefined) {
      alive = this.#beat(store, until);
      this.#alive.set(store, alive);
      alive.catch(() => this.#alive.delete(store));
    }
    return alive;
  }

  async #beat(store: VersionedStore, until: number): Promise<void> {
    await store.journal.beat(this.#instance, this.#options.lapseMs, until);
    this.#beatLater(store);
  }

  #beatLater(store: VersionedStore): void {
    if (this.#closed) return;
    const { heartbeatMs } = this.#options;
    const again = (): void => {
      // A heartbeat that fails is followed by another one; nothing here rests on being thought alive.
      this.#beat(store, this.#clock.now() + heartbeatMs).catch(() => this.#beatLater(store));
    };
    this.#beats.set(store, this.#clock.schedule(heartbeatMs, again, { background: true }));
  }
}
