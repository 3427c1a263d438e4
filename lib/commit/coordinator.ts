import {
  CrossNodeTransactionError,
  DistributedTxError,
  InvariantViolationError,
  TransactionOutcomeUnknownError,
} from '../errors/index.js';
import type { Clock } from '../store/clock.js';
import {
  printAddress,
  recordKeyOf,
  type TransactionAddress,
} from '../store/transaction-address.js';
import { ABSENT_VERSION } from '../store/version.js';
import {
  CommitReplyLostError,
  type OnePhaseCommit,
  type OnePhaseReply,
  type ReadReply,
  type RecordedOutcome,
  type VersionedStore,
} from '../store/versioned-store.js';
import { planCommit, type CommitFacts, type PlacedItem } from './commit-plan.js';
import { printRecord, type RecordedCall } from './transaction-record.js';

/** Everything the coordinator needs to know of a transaction that wants to commit. */
export interface CommitRequest extends CommitFacts {
  readonly id: string;
  /** Local monotonic milliseconds. */
  readonly until: number;
  /** Fixed earlier, if somebody asked for it. */
  readonly address: TransactionAddress | undefined;
  readonly call: RecordedCall;
  /** Filled in as soon as the commit may happen, so that a caller who gives up knows what to say. */
  sent: SentCommit | undefined;
}

/** A commit that was handed to a store. */
export interface SentCommit {
  readonly commit: OnePhaseCommit;
  readonly store: VersionedStore;
}

/** `fenced`: the reply was lost, and the commit was made impossible before it happened. */
export type CommitResult = OnePhaseReply | { readonly status: 'fenced' };

/** Where several stores answer, the first of these counts. */
const PRECEDENCE: readonly RecordedOutcome[] = ['committed', 'rolled_back', 'undecided'];

export const COMMITTED: CommitResult = { status: 'committed', commitCounts: new Map() };

/**
 * The commit protocol. It alone knows the order of the steps:
 *
 * I1 Nothing is written before everything is checked, in one atomic step.
 * I2 The outcome is decided only by writing the record, in the step that writes the items.
 * I3 An outcome that is not known is never guessed: it is fenced, or reported as unknown.
 */
export class Coordinator {
  readonly #stores: ReadonlyMap<string, VersionedStore>;
  readonly #clock: Clock;

  constructor(stores: ReadonlyMap<string, VersionedStore>, clock: Clock) {
    this.#stores = stores;
    this.#clock = clock;
  }

  get clock(): Clock {
    return this.#clock;
  }

  /** @throws InvariantViolationError for a store nobody configured. */
  store(name: string): VersionedStore {
    const store = this.#stores.get(name);
    if (store === undefined) throw new InvariantViolationError(`There is no store ${name}.`);
    return store;
  }

  read(store: string, keys: readonly string[], until: number): Promise<ReadReply> {
    return this.store(store).read(keys, until);
  }

  /** Fixes the home of a transaction: the smallest slot among the keys. */
  addressFor(
    id: string,
    store: string,
    keys: readonly string[],
    until: number,
  ): TransactionAddress {
    const owner = this.store(store);
    return { id, home: owner.homeOf(keys), deadlineAtMs: Math.ceil(owner.toNodeTime(until)) };
  }

  /**
   * A rejected promise is for `resolve`: the reply may have been lost.
   * @throws CrossNodeTransactionError
   */
  commit(request: CommitRequest): CommitResult | Promise<CommitResult> {
    const plan = planCommit(request);
    switch (plan.kind) {
      case 'nothing':
        return COMMITTED;
      case 'validate':
        return this.validate(request.items, request.until);
      case 'cross-node':
        throw new CrossNodeTransactionError(plan.nodes);
      case 'one-phase':
        return this.#commitOnePhase(this.store(plan.store), request);
    }
  }

  /** Holds every item against the version that was seen; a lock of anybody counts as a change. */
  async validate(items: readonly PlacedItem[], until: number): Promise<CommitResult> {
    const names = new Set(items.map((item) => item.store));
    const stood = new Map<PlacedItem, ReadReply['items'][number]>();
    await Promise.all(
      [...names].map(async (name) => {
        const own = items.filter((item) => item.store === name);
        const keys = own.map((item) => item.key);
        const reply = await this.read(name, keys, until);
        for (const [nth, item] of own.entries()) stood.set(item, reply.items[nth]);
      }),
    );
    const index = items.findIndex((item) => {
      const found = stood.get(item);
      const locked = found?.kind === 'item' && found.lock !== undefined;
      return locked || versionFound(found) !== item.expected;
    });
    if (index < 0) return COMMITTED;
    return { status: 'conflict', index, found: versionFound(stood.get(items[index]!)) };
  }

  /** Makes sure that nobody finds the transaction undecided whose address is known outside. */
  async rollBack(store: string, address: TransactionAddress, until: number): Promise<void> {
    await this.store(store).fence(address, until);
  }

  /**
   * The recorded outcome; with several stores, of the one that has a record. Once the deadline is over,
   * a transaction without a record cannot commit any more, and that is recorded.
   */
  async outcomeOf(address: TransactionAddress, until: number): Promise<RecordedOutcome> {
    const stores = [...this.#stores.values()];
    const recorded = await Promise.all(stores.map((store) => store.outcome(address, until)));
    const outcome = PRECEDENCE.find((one) => recorded.includes(one)) ?? 'expired';
    const overdue = stores.every(
      (store) => store.toNodeTime(this.#clock.now()) >= address.deadlineAtMs,
    );
    if (outcome !== 'undecided' || !overdue) return outcome;
    const fenced = await Promise.all(stores.map((store) => store.fence(address, until)));
    if (fenced.includes('committed')) return 'committed';
    return fenced.includes('rolled_back') ? 'rolled_back' : 'expired';
  }

  #commitOnePhase(store: VersionedStore, request: CommitRequest): Promise<CommitResult> {
    const { id, items, until } = request;
    if (request.address !== undefined) refuseForeignHome(store, request, request.address);
    const address = request.address ?? this.addressFor(id, store.name, homeKeys(items), until);
    const record = printRecord(request.call, items);
    const commit: OnePhaseCommit = { address, items, record, sent: false };
    request.sent = { commit, store };
    return store.commitOnePhase(commit, until);
  }

  /**
   * Learns what became of a commit whose promise was rejected.
   *
   * I3: asks by writing, so that a commit still under way cannot happen after the answer.
   * @throws TransactionOutcomeUnknownError, and any other error as it is: nothing was written then.
   */
  async resolve(
    { store, commit }: SentCommit,
    until: number,
    cause: unknown,
  ): Promise<CommitResult> {
    if (!(cause instanceof CommitReplyLostError)) throw cause;
    const { address } = commit;
    commit.sent = true;
    try {
      const outcome = await store.fence(address, until);
      if (outcome === 'committed') return COMMITTED;
      if (outcome === 'rolled_back') return { status: 'fenced' };
    } catch (error) {
      if (!(error instanceof DistributedTxError)) throw error;
      throw new TransactionOutcomeUnknownError(printAddress(address), { cause: error });
    }
    throw new TransactionOutcomeUnknownError(printAddress(address), { cause });
  }
}

/** The address was asked for before it was known where the items lie. */
function refuseForeignHome(
  store: VersionedStore,
  { items, announcedIn = store.name }: CommitRequest,
  address: TransactionAddress,
): void {
  const home = announcedIn === store.name ? store.nodeOf(recordKeyOf(address)) : announcedIn;
  const [first] = items;
  if (first !== undefined && first.node !== home) {
    throw new CrossNodeTransactionError([home, first.node]);
  }
}

/** The written items say where the record lies; where nothing is written, the read ones. */
function homeKeys(items: readonly PlacedItem[]): readonly string[] {
  const written = items.filter((item) => item.change !== undefined);
  return (written.length > 0 ? written : items).map((item) => item.key);
}

/** A foreign value is nobody's version. */
function versionFound(stood: ReadReply['items'][number]): string {
  if (stood === undefined) return ABSENT_VERSION;
  return stood.kind === 'item' ? stood.version : stood.kind;
}
