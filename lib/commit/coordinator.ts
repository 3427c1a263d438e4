import { TransactionAddressError, TransactionOutcomeUnknownError } from '../errors/index.js';
import type { Branch } from '../participants/branch.js';
import type { ParticipantRegistry } from '../participants/participant-registry.js';
import { cacheOf } from '../store/cache-identity.js';
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
import { hasChanges, homeItems, planCommit, type PlacedItem } from './commit-plan.js';
import type { CommitEvents } from './commit-events.js';
import { isFault } from './fault.js';
import { Finisher } from './finisher.js';
import { FinishingWork } from './finishing-work.js';
import { InstanceJournal, type HeartbeatOptions } from './instance-journal.js';
import { ItemLocks, type LockEnvironment, type LockOwner } from './item-locks.js';
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

/**
 * The commit protocol. It alone knows the order of the steps:
 *
 * I1 Nothing is written before everything is checked: in one atomic step, or behind locks.
 * I2 The outcome is decided only by writing the record, in the step that writes the items beside it.
 * I3 An outcome that is not known is never guessed: it is fenced, or reported as unknown.
 */
export class Coordinator {
  /** Where everything lies: one cache, or a group of several. */
  readonly store: VersionedStore;
  readonly #clock: Clock;
  readonly #locks: LockSettler;
  readonly #journal: InstanceJournal;
  readonly #finishing: FinishingWork;
  /** Commits with participants, which go on when their caller has been told that time is over. */
  readonly #underway = new Set<Promise<unknown>>();
  readonly #finisher: Finisher;
  readonly #twoPhase: TwoPhaseEnvironment;
  readonly #lockEnvironment: LockEnvironment;

  constructor(
    store: VersionedStore,
    clock: Clock,
    { instance, heartbeat, events, participants, random = Math.random }: CoordinatorOptions,
  ) {
    this.store = store;
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
    const finishing = this.#finishing;
    this.#lockEnvironment = { store, clock, random, journal, finishing, settler: this.#locks };
    this.#twoPhase = {
      clock,
      random,
      journal,
      finishing,
      validate: (items, until) => this.validate(items, until, true),
      resolve: this.resolve.bind(this),
    };
  }

  get clock(): Clock {
    return this.#clock;
  }

  read(keys: readonly string[], until: number): Promise<ReadReply> {
    return this.store.read(keys, until);
  }

  /** A reply that shows locks, made one that shows values. */
  readPast(keys: readonly string[], reply: ReadReply, until: number): Promise<ReadReply> {
    return this.#locks.readPast(this.store, keys, reply, until);
  }

  /** Settles the lock that a commit met, where it can be, so that the next attempt may pass. */
  async settleLock(key: string, until: number): Promise<void> {
    await this.#locks.settleKeys(this.store, [key], until);
  }

  /** Lets commits end that are under way, and what is left of decided transactions be done. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#underway);
    await this.#finishing.close();
    this.#journal.close();
  }

  /**
   * Fixes the home of a transaction by its items.
   * @throws StoreUnavailableError where a store was never reached.
   */
  addressFor(
    id: string,
    items: readonly Pick<PlacedItem, 'key'>[],
    until: number,
  ): TransactionAddress {
    const home = this.store.homeOf(items.map((item) => item.key));
    return { id, home, deadlineAtMs: Math.ceil(this.store.toNodeTime(until, home)) };
  }

  /** Gives a branch its name, for which it has to be known where the record lies, and in which cache. */
  async nameBranch(
    branch: Branch,
    addressOf: () => TransactionAddress,
    until: number,
  ): Promise<void> {
    await this.store.learn?.(until);
    const address = addressOf();
    branch.nameBy({ cache: await cacheOf(this.store, address, until), address });
  }

  /** A rejected promise is for `resolve`: the reply may have been lost. */
  commit(request: CommitRequest): CommitResult | Promise<CommitResult> {
    const learning = this.store.learn?.(request.until);
    if (learning !== undefined) return learning.then(() => this.commit(request));
    const refusal = request.locks?.refusalOf(request.items);
    if (refusal !== undefined) return refusal;
    const { items, readAtOnce, isAddressKnown } = request;
    const hasBranches = request.branches.length > 0;
    const isRecorded = isAddressKnown || hasChanges(items);
    const recordNode = isRecorded ? this.store.recordNodeOf(this.#addressOf(request)) : undefined;
    switch (planCommit({ items, readAtOnce, hasBranches, recordNode })) {
      case 'nothing':
        return isAddressKnown ? this.#commitOnePhase(request, []) : COMMITTED;
      case 'validate':
        return this.#validateReads(request);
      case 'one-phase':
        return this.#commitOnePhase(request);
      case 'two-phase':
      case 'participants':
        return this.#commitTwoPhase(request);
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
    const keys = items.map((item) => item.key);
    const stood = (await this.store.read(keys, until, decides)).items;
    const index = items.findIndex(
      (item, nth) => isLocked(stood[nth]) || versionFound(stood[nth]) !== item.expected,
    );
    if (index < 0) return COMMITTED;
    const found = stood[index];
    return { status: isLocked(found) ? 'locked' : 'conflict', index, found: versionFound(found) };
  }

  /** The same, where the transaction holds some of them, which vouches for these. */
  async validateUnheld(
    items: readonly PlacedItem[],
    until: number,
    locks: ItemLocks | undefined,
  ): Promise<CommitResult> {
    if (locks === undefined) return this.validate(items, until);
    const refusal = locks.refusalOf(items);
    if (refusal !== undefined) return refusal;
    const unheld = locks.unheld(items);
    if (unheld.length === 0) return COMMITTED;
    const result = await this.validate(unheld, until);
    return 'index' in result ? { ...result, index: items.indexOf(unheld[result.index]!) } : result;
  }

  /** The locks that a transaction takes before its work is done; see ItemLocks. */
  locksOf(owner: LockOwner): ItemLocks {
    return new ItemLocks(this.#lockEnvironment, owner);
  }

  /** Makes sure that nobody finds the transaction undecided whose address is known outside. */
  async rollBack(address: TransactionAddress, until: number): Promise<void> {
    await this.store.fence(address, until);
  }

  /**
   * The recorded outcome. Once the deadline is over, a transaction without a record cannot commit any more,
   * and that is recorded.
   *
   * @throws TransactionAddressError where the record lies in a cache that this application does not have.
   */
  async outcomeOf(address: TransactionAddress, until: number): Promise<RecordedOutcome> {
    if (!(await this.store.isHome(address, until))) throw unknownHome(address);
    const outcome = await this.store.outcome(address, until);
    const nodeTimeMs = this.store.toNodeTime(this.#clock.now(), address.home);
    if (outcome !== 'undecided' || nodeTimeMs < address.deadlineAtMs) return outcome;
    return this.#fence(address, until);
  }

  /** A record that waits for a participant is concluded, where that one can be asked. */
  async #fence(address: TransactionAddress, until: number): Promise<RecordedOutcome> {
    const outcome = await this.store.fence(address, until);
    if (outcome === 'forgotten') return 'expired';
    if (outcome !== 'pending') return outcome;
    const decision = await this.#finisher.askDecider(this.store, address, until);
    const status = decision === 'undecided' ? decision : decision.record?.status;
    return status === 'committed' || status === 'rolled_back' ? status : 'undecided';
  }

  /** What was read elsewhere existed together; whoever knows the address has to find it committed. */
  async #validateReads(request: CommitRequest): Promise<CommitResult> {
    const { items, locks } = request;
    const result = await this.validateUnheld(items, request.until, locks);
    const isNoted = result.status !== 'committed' || !request.isAddressKnown;
    return isNoted ? result : this.#commitOnePhase(request, []);
  }

  #commitOnePhase(
    request: CommitRequest,
    items: readonly PlacedItem[] = request.items,
  ): Promise<CommitResult> {
    const { until, locks } = request;
    const record = printRecord(request.call, request.items);
    const commit = new WholeCommit(this.#addressOf(request), locks?.held(items) ?? items, record);
    request.sent = new SentCommit(commit, this.store);
    return this.store.commitOnePhase(commit, until);
  }

  #commitTwoPhase(request: CommitRequest): Promise<CommitResult> {
    const branches = request.branches.length === 0 ? NO_BRANCHES : new BranchSet(request.branches);
    const address = this.#addressOf(request);
    const setup = { store: this.store, address, branches };
    const commit = new TwoPhaseCommit(this.#twoPhase, request, setup).run();
    if (branches !== NO_BRANCHES) {
      const ended = (): void => void this.#underway.delete(commit);
      this.#underway.add(commit);
      commit.then(ended, ended);
    }
    return commit;
  }

  /** One transaction has one address, whoever asks for it from now on. */
  #addressOf(request: CommitRequest): TransactionAddress {
    const { id, items, until } = request;
    return (request.address ??= this.addressFor(id, homeItems(items), until));
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

function unknownHome(address: TransactionAddress): TransactionAddressError {
  return new TransactionAddressError(
    `The record of ${printAddress(address)} lies in a cache that this application does not have. Ask an ` +
      'application that has it among its stores.',
  );
}

function isLocked(stood: ReadReply['items'][number]): boolean {
  return stood?.kind === 'item' && stood.lock !== undefined;
}
