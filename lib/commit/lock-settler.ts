import type { Clock } from '../store/clock.js';
import { isPlaceholder, parseLock, type Lock } from '../store/lock.js';
import type { StoredItem } from '../store/stored-item.js';
import { printAddress, type TransactionAddress } from '../store/transaction-address.js';
import type { ReadReply, TransactionRecord, VersionedStore } from '../store/versioned-store.js';

/** Items that one transaction holds. */
interface Holding {
  readonly address: TransactionAddress;
  readonly keys: readonly string[];
  readonly marked: boolean;
}

type Settled = 'settled' | 'undecided';

/**
 * What anybody does who meets the lock of another transaction.
 *
 * S1 The record decides: what is committed is applied for its owner, what is rolled back is released.
 * S2 An undecided transaction is left alone before its deadline, and rolled back by writing so after it.
 * S3 A lock is removed only after the outcome of its holder is known, or forgotten.
 */
export class LockSettler {
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
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

  /** S1, S2: drives a transaction to its outcome on the keys given, whoever began it. */
  async #settle(store: VersionedStore, holding: Holding, until: number): Promise<Settled> {
    const { address, keys } = holding;
    const decision = await decisionOf(store, this.#clock, address, until);
    if (decision === 'undecided') return decision;
    const { record } = decision;
    await finish(store, { address, keys, record }, until);
    return 'settled';
  }
}

/**
 * S2: what was decided about a transaction, by its record or, past its deadline, by writing one. There
 * is no record where that is forgotten.
 */
export async function decisionOf(
  store: VersionedStore,
  clock: Clock,
  address: TransactionAddress,
  until: number,
): Promise<'undecided' | { readonly record: TransactionRecord | undefined }> {
  const record = await store.record(address, until);
  if (record !== undefined) return { record };
  if (store.toNodeTime(clock.now(), address.home) < address.deadlineAtMs) return 'undecided';
  const outcome = await store.fence(address, until);
  return { record: outcome === 'committed' ? await store.record(address, until) : undefined };
}

/** What is known of a transaction whose outcome is decided, or forgotten. */
interface Decided {
  readonly address: TransactionAddress;
  readonly keys: readonly string[];
  readonly record: TransactionRecord | undefined;
}

/** S3: applies what the record tells of the keys; any other lock of the transaction on them is a stray. */
async function finish(
  store: VersionedStore,
  { address, keys, record }: Decided,
  until: number,
): Promise<void> {
  const redo = record?.status === 'committed' ? record.redo : [];
  const decided = redo.filter((item) => keys.includes(item.key));
  const strays = keys.filter((key) => !decided.some((item) => item.key === key));
  await Promise.all([
    ...byNode(store, decided, (item) => item.key).map((items) =>
      store.apply(address, items, until),
    ),
    ...byNode(store, strays, (key) => key).map((own) => store.release(address, own, until)),
  ]);
}

/** Finishes everything that a transaction holds; then nothing rests on its record any more. */
export async function finishWhole(
  store: VersionedStore,
  decided: Decided,
  until: number,
): Promise<void> {
  await finish(store, decided, until);
  if (decided.record?.status === 'committed') await store.retire(decided.address, until);
}

/** Items in groups of one node each. */
export function byNode<I>(
  store: VersionedStore,
  items: readonly I[],
  keyOf: (item: I) => string,
): readonly (readonly I[])[] {
  const groups = new Map<string, I[]>();
  for (const item of items) {
    const node = store.nodeOf(keyOf(item));
    const group = groups.get(node);
    if (group === undefined) groups.set(node, [item]);
    else group.push(item);
  }
  return [...groups.values()];
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
