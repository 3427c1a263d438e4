import {
  CrossNodeTransactionError,
  InvariantViolationError,
  TransactionOutcomeUnknownError,
} from '../errors/index.js';
import type { ParticipantRegistry } from '../participants/participant-registry.js';
import type { Clock } from '../store/clock.js';
import { printAddress, type TransactionAddress } from '../store/transaction-address.js';
import {
  CommitReplyLostError,
  type FencedOutcome,
  type OnePhaseCommit,
  type ReadReply,
  type RecordedOutcome,
  type VersionedStore,
} from '../store/versioned-store.js';
import { BranchSet } from './branch-set.js';
import { COMMITTED, type CommitRequest, SentCommit, type CommitResult } from './commit-request.js';
import { homeItems, planCommit, type Home, type PlacedItem } from './commit-plan.js';
import type { CommitEvents } from './commit-events.js';
import { isFault } from './fault.js';
import { Finisher } from './finisher.js';
import { FinishingWork } from './finishing-work.js';
import { InstanceJournal, type HeartbeatOptions } from './instance-journal.js';
import { LockSettler } from './lock-settler.js';
import { printRecord } from './transaction-record.js';
import { TwoPhaseCommit, type TwoPhaseEnvironment } from './two-phase.js';
import { versionFound } from './version-found.js';

export interface CoordinatorOptions {
  /** The tag of this process or worker, unique for ever. */
  readonly instance: string;
  readonly heartbeat: HeartbeatOptions;
  readonly events: CommitEvents;
  readonly participants: ParticipantRegistry;
  /** Where the pauses of those who wait for a lock come from. Default: Math.random. */
  readonly random?: () => number;
}

const NO_BRANCHES = new BranchSet([]);

/** Where several stores answer, the first of these counts. */
const PRECEDENCE: readonly RecordedOutcome[] = ['committed', 'rolled_back', 'undecided'];

/**
 * The commit protocol. It alone knows the order of the steps:
 *
 * I1 Nothing is written before everything is checked: in one atomic step, or behind locks.
 * I2 The outcome is decided only by writing the record, in the step that writes the items beside it.
 * I3 An outcome that is not known is never guessed: it is fenced, or reported as unknown.
 */
export class Coordinator {
  readonly #stores: ReadonlyMap<string, VersionedStore>;
  readonly #clock: Clock;
  readonly #locks: LockSettler;
  readonly #journal: InstanceJournal;
  readonly #finishing: FinishingWork;
  /** Commits with participants, which go on when their caller has been told that time is over. */
  readonly #underway = new Set<Promise<unknown>>();
  readonly #finisher: Finisher;
  readonly #twoPhase: TwoPhaseEnvironment;

  constructor(
    stores: ReadonlyMap<string, VersionedStore>,
    clock: Clock,
    { instance, heartbeat, events, participants, random = Math.random }: CoordinatorOptions,
  ) {
    this.#stores = stores;
    this.#clock = clock;
    const finisher = new Finisher({ clock, events, participants });
    const journal = new InstanceJournal(instance, clock, {
      ...heartbeat,
      onStray: (store, holdings) => this.#finishing.settle(store, holdings),
    });
    this.#locks = new LockSettler(finisher);
    this.#journal = journal;
    this.#finisher = finisher;
    this.#finishing = new FinishingWork({ clock, journal, finisher, events });
    this.#twoPhase = {
      clock,
      random,
      journal,
      finishing: this.#finishing,
      validate: (items, until) => this.validate(items, until, true),
      resolve: this.resolve.bind(this),
    };
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

  /** A reply that shows locks, made one that shows values. */
  readPast(
    store: string,
    keys: readonly string[],
    reply: ReadReply,
    until: number,
  ): Promise<ReadReply> {
    return this.#locks.readPast(this.store(store), keys, reply, until);
  }

  /** Settles the lock that a commit met, where it can be, so that the next attempt may pass. */
  async settleLock({ store, key }: PlacedItem, until: number): Promise<void> {
    await this.#locks.settleKeys(this.store(store), [key], until);
  }

  /** Lets commits end that are under way, and what is left of decided transactions be done. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#underway);
    await this.#finishing.close();
    this.#journal.close();
  }

  /** Fixes the home of a transaction: the smallest slot among these items, as far as they are in the store. */
  addressFor(
    id: string,
    store: string,
    items: readonly Pick<PlacedItem, 'store' | 'key'>[],
    until: number,
  ): TransactionAddress {
    const owner = this.store(store);
    const own = items.filter((item) => item.store === store);
    const home = owner.homeOf(own.map((item) => item.key));
    return { id, home, deadlineAtMs: Math.ceil(owner.toNodeTime(until, home)) };
  }

  /**
   * A rejected promise is for `resolve`: the reply may have been lost.
   * @throws CrossNodeTransactionError
   */
  commit(request: CommitRequest): CommitResult | Promise<CommitResult> {
    const { items, readAtOnce } = request;
    const hasBranches = request.branches.length > 0;
    const plan = planCommit({ items, readAtOnce, hasBranches, home: this.#homeOf(request) });
    switch (plan.kind) {
      case 'nothing':
        return request.announcedIn === undefined ? COMMITTED : this.#recordReads(request);
      case 'validate':
        return this.#validateReads(request);
      case 'cross-store':
        throw new CrossNodeTransactionError(plan.stores);
      case 'one-phase':
        return this.#commitOnePhase(this.store(plan.store), request);
      case 'two-phase':
        return this.#commitTwoPhase(this.store(plan.store), request);
      case 'participants':
        return this.#commitTwoPhase(
          plan.store === undefined ? this.anyStore : this.store(plan.store),
          request,
        );
    }
  }

  /**
   * Holds every item against the version that was seen; a lock of anybody counts as a change.
   * @param decides Whether something is written elsewhere because of it.
   */
  async validate(
    items: readonly PlacedItem[],
    until: number,
    decides = false,
  ): Promise<CommitResult> {
    const names = new Set(items.map((item) => item.store));
    const stood = new Map<PlacedItem, ReadReply['items'][number]>();
    await Promise.all(
      [...names].map(async (name) => {
        const own = items.filter((item) => item.store === name);
        const keys = own.map((item) => item.key);
        const reply = await this.store(name).read(keys, until, decides);
        for (const [nth, item] of own.entries()) stood.set(item, reply.items[nth]);
      }),
    );
    const index = items.findIndex((item) => {
      const found = stood.get(item);
      const locked = isLocked(found);
      return locked || versionFound(found) !== item.expected;
    });
    if (index < 0) return COMMITTED;
    const found = stood.get(items[index]!);
    return { status: isLocked(found) ? 'locked' : 'conflict', index, found: versionFound(found) };
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
      (store) => store.toNodeTime(this.#clock.now(), address.home) >= address.deadlineAtMs,
    );
    if (outcome !== 'undecided' || !overdue) return outcome;
    const fenced = await Promise.all(stores.map((store) => this.#fence(store, address, until)));
    return PRECEDENCE.find((one) => fenced.includes(one)) ?? 'expired';
  }

  /** A record that waits for a participant is concluded, where that one can be asked. */
  async #fence(
    store: VersionedStore,
    address: TransactionAddress,
    until: number,
  ): Promise<RecordedOutcome> {
    const outcome = await store.fence(address, until);
    if (outcome === 'forgotten') return 'expired';
    if (outcome !== 'pending') return outcome;
    const decision = await this.#finisher.askDecider(store, address, until);
    const status = decision === 'undecided' ? decision : decision.record?.status;
    return status === 'committed' || status === 'rolled_back' ? status : 'undecided';
  }

  async #validateReads(request: CommitRequest): Promise<CommitResult> {
    const result = await this.validate(request.items, request.until);
    const isNoted = result.status !== 'committed' || request.announcedIn === undefined;
    return isNoted ? result : this.#recordReads(request);
  }

  /** What was read elsewhere existed together; whoever knows the address has to find it committed. */
  #recordReads(request: CommitRequest): Promise<CommitResult> {
    return this.#commitOnePhase(this.store(request.announcedIn!), request, []);
  }

  #commitOnePhase(
    store: VersionedStore,
    request: CommitRequest,
    items: readonly PlacedItem[] = request.items,
  ): Promise<CommitResult> {
    const { until } = request;
    const address = this.#addressOf(store, request);
    const record = printRecord(request.call, request.items);
    const commit = new WholeCommit(address, items, record);
    request.sent = new SentCommit(commit, store);
    return store.commitOnePhase(commit, until);
  }

  #commitTwoPhase(store: VersionedStore, request: CommitRequest): Promise<CommitResult> {
    const branches = request.branches.length === 0 ? NO_BRANCHES : new BranchSet(request.branches);
    const address = this.#addressOf(store, request);
    const commit = new TwoPhaseCommit(this.#twoPhase, request, { store, address, branches }).run();
    if (branches !== NO_BRANCHES) {
      const ended = (): void => void this.#underway.delete(commit);
      this.#underway.add(commit);
      commit.then(ended, ended);
    }
    return commit;
  }

  /** Where the record of a transaction lies that has no items. */
  get anyStore(): VersionedStore {
    const [first] = this.#stores.values();
    return this.#stores.get('default') ?? first!;
  }

  /** One transaction has one address, whoever asks for it from now on. */
  #addressOf(store: VersionedStore, request: CommitRequest): TransactionAddress {
    const { id, items, until } = request;
    return (request.address ??= this.addressFor(id, store.name, homeItems(items), until));
  }

  /** Where the record has to lie since somebody has asked for the address. */
  #homeOf({ address, announcedIn }: CommitRequest): Home | undefined {
    if (address === undefined || announcedIn === undefined) return undefined;
    const node = this.store(announcedIn).recordNodeOf(address);
    return { store: announcedIn, node };
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
    const isLost = cause instanceof CommitReplyLostError;
    if (!isLost && !(commit.sent && isFault(cause))) throw cause;
    const { address } = commit;
    commit.sent = true;
    let outcome: FencedOutcome | 'pending';
    try {
      outcome = await store.fence(address, until);
    } catch (error) {
      throw new TransactionOutcomeUnknownError(printAddress(address), { cause: error });
    }
    if (outcome === 'committed') return COMMITTED;
    if (outcome === 'forgotten' || outcome === 'pending') {
      throw new TransactionOutcomeUnknownError(printAddress(address), { cause });
    }
    if (!isLost) throw cause;
    return { status: 'fenced' };
  }
}

// A class, not a literal: see ADR 6.
class WholeCommit implements OnePhaseCommit {
  sent = false;
  withdrawn = false;

  constructor(
    readonly address: TransactionAddress,
    readonly items: readonly PlacedItem[],
    readonly record: string,
  ) {}
}

function isLocked(stood: ReadReply['items'][number]): boolean {
  return stood?.kind === 'item' && stood.lock !== undefined;
}
