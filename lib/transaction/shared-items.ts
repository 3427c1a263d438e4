import type { Clock } from '../store/clock.js';
import type { StoredItem } from '../store/stored-item.js';
import type { TurnKeeper } from '../store/turn-keeper.js';
import { writerOf } from '../store/version.js';
import type { ReadReply } from '../store/versioned-store.js';
import type { HotItem, HotUse } from './hot-item.js';
import { ProcessTurn, type TurnCounts, type TurnUser } from './process-turn.js';

/** What processes share. */
export interface SharedStore {
  readonly keeper: TurnKeeper;
  /** @param until Local monotonic milliseconds. */
  readonly read: (keys: readonly string[], until: number) => Promise<ReadReply>;
}

export interface SharedItemsOptions extends SharedStore {
  readonly clock: Clock;
  /** What the ids of all transactions of this process begin with. */
  readonly processTag: string;
  /** What the store says of an item. */
  readonly learn: (key: string, stood: StoredItem | undefined) => void;
  /** Whoever waits for the item is given it, where that may be. */
  readonly passOn: (item: HotItem) => void;
}

/** An item that no other process has changed for so long is wanted here alone. */
const SHARED_MS = 1000;
/** What is read at once when the turn has come: so many items, which are wanted already or were small before. */
const MOST_READ = 256;
const SMALL_CHARACTERS = 1024;
const READ_MS = 100;

/**
 * Hot items that other processes want as well. Their turns are given while this process has the turn among all of
 * them, and each chain of values begins with what the store says then.
 */
export class SharedItems implements TurnUser {
  readonly #options: SharedItemsOptions;
  readonly #items = new Set<HotItem>();
  readonly #turn: ProcessTurn;

  constructor(options: SharedItemsOptions) {
    this.#options = options;
    this.#turn = new ProcessTurn(options, this);
  }

  get counts(): TurnCounts {
    return this.#turn.counts;
  }

  get wantsTurn(): boolean {
    return this.#some((item) => item.hasWaiters);
  }

  get usesTurn(): boolean {
    return this.#some((item) => item.holder !== undefined || item.inFlight > 0);
  }

  goOn(isNew: boolean): void {
    const passOn = (): void => this.#items.forEach(this.#options.passOn);
    if (isNew) this.#refresh().then(passOn, passOn);
    else passOn();
  }

  /** Another process was faster. */
  lost(item: HotItem): void {
    this.#items.add(item);
    item.sharedUntil = this.#options.clock.now() + SHARED_MS;
  }

  /** What the store says of an item. */
  seen(item: HotItem, { version }: StoredItem): void {
    if (!this.#isShared(item)) return;
    if (writerOf(version)?.startsWith(this.#options.processTag) === false) this.lost(item);
  }

  /** Whether a transaction may have its turn on an item now. */
  allows(item: HotItem, use: HotUse): boolean {
    return !this.#isShared(item) || this.#turn.allows(use.held.length > 0);
  }

  /** Somebody waits for an item. */
  want(item: HotItem): void {
    if (this.#isShared(item)) this.#turn.want();
  }

  /** A transaction is over. */
  settled(): void {
    this.#turn.settled();
  }

  forget(item: HotItem): void {
    this.#items.delete(item);
  }

  /** In one step what would be read one by one: others have changed most of it. */
  async #refresh(): Promise<void> {
    const { clock, read, learn } = this.#options;
    const keys: string[] = [];
    for (const item of this.#items) {
      const size = item.known?.item.payload.length ?? Infinity;
      item.known = undefined;
      const isWorthIt = item.hasWaiters || size <= SMALL_CHARACTERS;
      if (isWorthIt && keys.length < MOST_READ) keys.push(item.key);
    }
    if (keys.length === 0) return;
    const { items } = await read(keys, clock.now() + READ_MS);
    for (const [nth, key] of keys.entries()) {
      const stood = items[nth];
      if (stood?.kind === 'item') learn(key, stood);
    }
  }

  #isShared(item: HotItem): boolean {
    return this.#options.clock.now() < item.sharedUntil;
  }

  #some(holds: (item: HotItem) => boolean): boolean {
    for (const item of this.#items) {
      if (!this.#isShared(item)) this.#items.delete(item);
      else if (holds(item)) return true;
    }
    return false;
  }
}
