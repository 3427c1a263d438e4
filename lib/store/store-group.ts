import {
  InvariantViolationError,
  StoreRefusedError,
  StoreUnavailableError,
} from '../errors/index.js';
import { groupBy } from './group-by.js';
import type { Journal } from './journal.js';
import type { TurnKeeper } from './turn-keeper.js';
import { BY_NAME, DEFAULT_STORE, type Placing } from './placed-key.js';
import { cacheOfHome, homeIn, tagOfHome, type TransactionAddress } from './transaction-address.js';
import type {
  AnnounceReply,
  AppliedStatus,
  FencedOutcome,
  HeldItem,
  OnePhaseCommit,
  OnePhaseReply,
  PendingTransaction,
  PrepareReply,
  PrepareRequest,
  ReadReply,
  RecordedBranch,
  RecordedOutcome,
  TransactionRecord,
  VersionedStore,
} from './versioned-store.js';

/**
 * Several stores as one of many nodes, so that one transaction may lie in all of them. Keys are placed
 * (placed-key.ts), and homes name the cache of their record.
 *
 * The record of a transaction whose items are all of one node lies beside them, where a step covers both. All
 * others have theirs, and the notes of the journal, in the default store: while that cannot be reached no
 * transaction over several nodes commits, and no other store is needed for any but its own.
 */
export class StoreGroup implements VersionedStore {
  readonly name = DEFAULT_STORE;
  readonly spansNodes = true;
  readonly journal: Journal;
  readonly turnKeeper: TurnKeeper | undefined;
  readonly #stores: ReadonlyMap<string, VersionedStore>;
  readonly #default: VersionedStore;
  readonly #placing: Placing;
  readonly #byCache = new Map<string, VersionedStore>();
  readonly #caches = new Map<VersionedStore, string>();
  #learning: Promise<void> | undefined;
  #isLearnt = false;

  /**
   * @param stores By name; one is the default.
   * @param placing Where items lie. Default: where their keys say.
   */
  constructor(stores: ReadonlyMap<string, VersionedStore>, placing: Placing = BY_NAME) {
    this.#stores = stores;
    this.#placing = placing;
    this.#default = this.#named(DEFAULT_STORE);
    this.journal = this.#default.journal;
    this.turnKeeper = this.#default.turnKeeper;
  }

  get keepsRecords(): boolean {
    return this.#default.keepsRecords;
  }

  async open(): Promise<void> {
    await Promise.all(this.#all.map((store) => store.open()));
  }

  learn(until: number): Promise<void> | undefined {
    if (this.#isLearnt) return undefined;
    this.#learning ??= this.#learnIdentities(until).finally(() => {
      this.#learning = undefined;
    });
    return this.#learning;
  }

  nodeOf(key: string): string {
    return this.#storeOf(key).nodeOf(this.#placing.ownKeyOf(key));
  }

  recordNodeOf(address: TransactionAddress): string {
    return this.#homeOf(address).recordNodeOf(address);
  }

  announcesFirst(address: TransactionAddress): boolean {
    return this.#homeOf(address).announcesFirst(address);
  }

  async isHome({ home }: TransactionAddress, until: number): Promise<boolean> {
    await this.learn(until);
    const cache = cacheOfHome(home);
    return cache === undefined || this.#byCache.has(cache);
  }

  holds(key: string): boolean {
    return (
      this.#stores.get(this.#placing.storeOf(key))?.holds(this.#placing.ownKeyOf(key)) ?? false
    );
  }

  homeOf(keys: readonly string[]): string {
    const store = this.#storeBeside(keys) ?? this.#default;
    const cache = this.#caches.get(store);
    if (cache === undefined) {
      throw new StoreUnavailableError(
        `The store ${store.name} has not been reached yet, so no transaction can be named. Try again.`,
      );
    }
    const own = keys.filter((key) => this.#storeOf(key) === store);
    return homeIn(cache, store.homeOf(own.map(this.#placing.ownKeyOf)));
  }

  toNodeTime(localMs: number, home?: string): number {
    if (home === undefined) return this.#default.toNodeTime(localMs);
    return this.#homeOf({ home }).toNodeTime(localMs, tagOfHome(home));
  }

  async read(keys: readonly string[], until: number, decides?: boolean): Promise<ReadReply> {
    const parts = [...groupBy(keys, this.#placing.storeOf)];
    const [only] = parts;
    if (only === undefined) return this.#default.read(keys, until, decides);
    if (parts.length === 1)
      return this.#named(only[0]).read(keys.map(this.#placing.ownKeyOf), until, decides);
    const found = new Map<string, ReadReply['items'][number]>();
    const replies = await Promise.all(
      parts.map(async ([name, own]) => {
        const reply = await this.#named(name).read(own.map(this.#placing.ownKeyOf), until, decides);
        for (const [nth, key] of own.entries()) found.set(key, reply.items[nth]);
        return reply;
      }),
    );
    return {
      items: keys.map((key) => found.get(key)),
      moment: undefined,
      locked: replies.some(({ locked }) => locked),
    };
  }

  commitOnePhase(commit: OnePhaseCommit, until: number): Promise<OnePhaseReply> {
    const home = this.#homeOf(commit.address);
    if (home === this.#default) return home.commitOnePhase(commit, until);
    return home.commitOnePhase(new PlacedCommit(commit, this.#placing), until);
  }

  prepare(request: PrepareRequest, until: number): Promise<PrepareReply> {
    const store = this.#storeOfAll(request.items.map(({ key }) => key));
    return store.prepare(
      { ...request, items: request.items.map((item) => asOwn(item, this.#placing)) },
      until,
    );
  }

  apply(
    address: TransactionAddress,
    items: readonly HeldItem[],
    until: number,
  ): Promise<readonly AppliedStatus[]> {
    const store = this.#storeOfAll(items.map(({ key }) => key));
    return store.apply(
      address,
      items.map((item) => asOwn(item, this.#placing)),
      until,
    );
  }

  release(address: TransactionAddress, keys: readonly string[], until: number): Promise<void> {
    return this.#storeOfAll(keys).release(address, keys.map(this.#placing.ownKeyOf), until);
  }

  announce(pending: PendingTransaction, until: number): Promise<AnnounceReply> {
    return this.#homeOf(pending.address).announce(pending, until);
  }

  conclude(
    address: TransactionAddress,
    outcome: 'committed' | 'rolled_back',
    until: number,
  ): Promise<FencedOutcome> {
    return this.#homeOf(address).conclude(address, outcome, until);
  }

  identity(until: number): Promise<string> {
    return this.#default.identity(until);
  }

  record(address: TransactionAddress, until: number): Promise<TransactionRecord | undefined> {
    return this.#homeOf(address).record(address, until);
  }

  retire(address: TransactionAddress, until: number): Promise<void> {
    return this.#homeOf(address).retire(address, until);
  }

  fence(address: TransactionAddress, until: number): Promise<FencedOutcome | 'pending'> {
    return this.#homeOf(address).fence(address, until);
  }

  outcome(address: TransactionAddress, until: number): Promise<RecordedOutcome> {
    return this.#homeOf(address).outcome(address, until);
  }

  async ping(until: number): Promise<void> {
    await Promise.all(this.#all.map((store) => store.ping(until)));
  }

  async close(): Promise<void> {
    await Promise.all(this.#all.map((store) => store.close()));
  }

  get #all(): readonly VersionedStore[] {
    return [...this.#stores.values()];
  }

  async #learnIdentities(until: number): Promise<void> {
    const keepers = this.#all.filter((store) => store.keepsRecords);
    await Promise.all(
      keepers.map(async (store) => {
        const cache = await store.identity(until);
        const other = this.#byCache.get(cache);
        if (other !== undefined && other !== store) throw sameCache(store, other);
        this.#byCache.set(cache, store);
        this.#caches.set(store, cache);
      }),
    );
    this.#isLearnt = true;
  }

  #named(name: string): VersionedStore {
    const store = this.#stores.get(name);
    if (store === undefined) throw new InvariantViolationError(`There is no store ${name}.`);
    return store;
  }

  #storeOf(key: string): VersionedStore {
    return this.#named(this.#placing.storeOf(key));
  }

  /** Steps are asked for one node at a time. */
  #storeOfAll(keys: readonly string[]): VersionedStore {
    const [first, ...others] = new Set(keys.map(this.#placing.storeOf));
    if (others.length > 0) {
      throw new InvariantViolationError(`One step cannot cover ${[first, ...others].join(', ')}.`);
    }
    return this.#named(first ?? DEFAULT_STORE);
  }

  /** The store in which one step covers these items and their record; undefined where none does. */
  #storeBeside(keys: readonly string[]): VersionedStore | undefined {
    const [first] = keys;
    if (first === undefined) return undefined;
    const store = this.#storeOf(first);
    if (!store.keepsRecords) return undefined;
    const address = {
      id: '',
      home: store.homeOf([this.#placing.ownKeyOf(first)]),
      deadlineAtMs: 0,
    };
    const node = store.recordNodeOf(address);
    return keys.every((key) => this.nodeOf(key) === node) ? store : undefined;
  }

  #homeOf({ home }: Pick<TransactionAddress, 'home'>): VersionedStore {
    const cache = cacheOfHome(home);
    const store = cache === undefined ? this.#default : this.#byCache.get(cache);
    if (store !== undefined) return store;
    throw new InvariantViolationError(
      `A transaction names cache ${cache} as its home, which is none of these stores.`,
    );
  }
}

/** A commit of one node as its own store is told it. What the caller sees of it is set there and then. */
class PlacedCommit implements OnePhaseCommit {
  readonly items: OnePhaseCommit['items'];
  /** Of whichever stores, with placed keys: who reads the record looks for them there. */
  readonly redo?: readonly HeldItem[];
  readonly branches?: readonly RecordedBranch[];
  readonly announced: boolean;
  readonly #placed: OnePhaseCommit;

  constructor(placed: OnePhaseCommit, placing: Placing) {
    this.#placed = placed;
    const { items, redo, branches, announced = false } = placed;
    this.items = items.map((item) => asOwn(item, placing));
    // Where they are given, the record stays until it is retired.
    if (redo !== undefined) this.redo = redo;
    if (branches !== undefined) this.branches = branches;
    this.announced = announced;
  }

  get address(): TransactionAddress {
    return this.#placed.address;
  }
  get record(): string {
    return this.#placed.record;
  }
  get sent(): boolean {
    return this.#placed.sent;
  }
  set sent(sent) {
    this.#placed.sent = sent;
  }
  get withdrawn(): boolean {
    return this.#placed.withdrawn ?? false;
  }
}

function sameCache(one: VersionedStore, other: VersionedStore): StoreRefusedError {
  return new StoreRefusedError(
    `The stores ${one.name} and ${other.name} are the same cache, so one item would pass for two. Give it one ` +
      'name, or another database of the server for each.',
  );
}

function asOwn<I extends { readonly key: string }>(item: I, placing: Placing): I {
  return { ...item, key: placing.ownKeyOf(item.key) };
}
