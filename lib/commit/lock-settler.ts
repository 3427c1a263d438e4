import { isPlaceholder, parseLock, type Lock } from '../store/lock.js';
import type { StoredItem } from '../store/stored-item.js';
import { printAddress, type TransactionAddress } from '../store/transaction-address.js';
import type { ReadReply, VersionedStore } from '../store/versioned-store.js';
import type { Finisher } from './finisher.js';

/** Items that one transaction holds. */
interface Holding {
  readonly address: TransactionAddress;
  readonly keys: readonly string[];
  readonly marked: boolean;
}

type Settled = 'settled' | 'undecided';

/** What anybody does who meets the lock of another transaction. */
export class LockSettler {
  readonly #finisher: Finisher;

  constructor(finisher: Finisher) {
    this.#finisher = finisher;
  }

  /**
   * Makes a reply that shows locks one that shows values: what is decided is applied or released and
   * read again; what is undecided is read as it was before. A marked lock may be older than what else
   * was read, so such a reply has no moment, and its reader has to validate.
   */
  async readPast(
    store: VersionedStore,
    keys: readonly string[],
    reply: ReadReply,
    until: number,
  ): Promise<ReadReply> {
    let current = reply;
    for (;;) {
      const holdings = holdingsIn(keys, current);
      const outcomes = await Promise.all(
        holdings.map((holding) => this.#settle(store, holding, until)),
      );
      if (!outcomes.includes('settled')) return asBefore(current, holdings);
      current = await store.read(keys, until);
      if (!current.locked) return current;
    }
  }

  /** Settles what stands under these keys, so that a next attempt need not meet it. */
  async settleKeys(store: VersionedStore, keys: readonly string[], until: number): Promise<void> {
    const reply = await store.read(keys, until);
    const holdings = reply.locked ? holdingsIn(keys, reply) : [];
    await Promise.all(holdings.map((holding) => this.#settle(store, holding, until)));
  }

  /** Drives a transaction to its outcome on the keys given. */
  async #settle(store: VersionedStore, holding: Holding, until: number): Promise<Settled> {
    const { address, keys } = holding;
    const decision = await this.#finisher.decisionOf(store, address, until);
    if (decision === 'undecided') return decision;
    const { record } = decision;
    await this.#finisher.finish(store, { address, keys, record }, until);
    return 'settled';
  }
}

function lockOf(item: ReadReply['items'][number]): Lock | undefined {
  return item?.kind === 'item' && item.lock !== undefined ? parseLock(item.lock) : undefined;
}

/** The locks of one reply, by their holders: one look at a record is enough for all of them. */
function holdingsIn(keys: readonly string[], { items }: ReadReply): readonly Holding[] {
  const holdings = new Map<
    string,
    { address: TransactionAddress; keys: string[]; marked: boolean }
  >();
  for (const [index, item] of items.entries()) {
    const lock = lockOf(item);
    if (lock === undefined) continue;
    const name = printAddress(lock.address);
    const holding = holdings.get(name) ?? { address: lock.address, keys: [], marked: false };
    holdings.set(name, holding);
    holding.keys.push(keys[index]!);
    holding.marked ||= lock.marked;
  }
  return [...holdings.values()];
}

/** The values under locks of undecided transactions, as if they were not there. */
function asBefore({ items, moment }: ReadReply, holdings: readonly Holding[]): ReadReply {
  return {
    items: items.map((item) => (item?.kind === 'item' ? unlocked(item) : item)),
    moment: holdings.some((holding) => holding.marked) ? undefined : moment,
    locked: false,
  };
}

function unlocked(item: StoredItem): StoredItem | undefined {
  if (isPlaceholder(item)) return undefined;
  return item.lock === undefined ? item : { ...item, lock: undefined };
}
