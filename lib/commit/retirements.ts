import type { Cancel, Clock } from '../store/clock.js';
import type { TransactionAddress } from '../store/transaction-address.js';
import type { VersionedStore } from '../store/versioned-store.js';

/** How long one that is finished waits for others. */
const GATHER_MS = 20;

/**
 * Transactions of which everything is done, so that their records may expire and their notes in the
 * journal go. Nobody waits for that; gathered it costs a fraction.
 */
export class Retirements {
  readonly #clock: Clock;
  readonly #retire: (store: VersionedStore, addresses: readonly TransactionAddress[]) => void;
  readonly #finished = new Map<VersionedStore, TransactionAddress[]>();
  #next: Cancel | undefined;
  #closed = false;

  constructor(
    clock: Clock,
    retire: (store: VersionedStore, addresses: readonly TransactionAddress[]) => void,
  ) {
    this.#clock = clock;
    this.#retire = retire;
  }

  add(store: VersionedStore, address: TransactionAddress): void {
    const gathered = this.#finished.get(store);
    if (gathered === undefined) this.#finished.set(store, [address]);
    else gathered.push(address);
    if (this.#closed) this.#flush();
    else this.#next ??= this.#clock.schedule(GATHER_MS, this.#flush, { background: true });
  }

  /** Gathers nothing more. */
  close(): void {
    this.#closed = true;
    this.#next?.();
    this.#flush();
  }

  readonly #flush = (): void => {
    this.#next = undefined;
    const finished = [...this.#finished];
    this.#finished.clear();
    for (const [store, addresses] of finished) this.#retire(store, addresses);
  };
}
