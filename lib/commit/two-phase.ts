import { TransactionOutcomeUnknownError } from '../errors/index.js';
import { AskedTooLateError } from '../store/asked-too-late.js';
import { cacheOf } from '../store/cache-identity.js';
import { endOrTimeout, pause, type Clock } from '../store/clock.js';
import { printAddress, type TransactionAddress } from '../store/transaction-address.js';
import type { HeldItem, OnePhaseCommit, VersionedStore } from '../store/versioned-store.js';
import type { BranchSet } from './branch-set.js';
import {
  COMMITTED,
  type CommitRefusal,
  type CommitRequest,
  type CommitResult,
  SentCommit,
} from './commit-request.js';
import { partsOf, type CommitPart, type CommitParts } from './commit-parts.js';
import { unchangedIn, type PlacedItem } from './commit-plan.js';
import type { FinishingWork, OwnHoldings } from './finishing-work.js';
import type { InstanceJournal } from './instance-journal.js';
import { faultIn, firstOf, unprepared } from './refusals.js';
import { printRecord } from './transaction-record.js';

/** What a commit over several nodes needs of the coordinator. */
export interface TwoPhaseEnvironment {
  readonly clock: Clock;
  /** Numbers in [0, 1). */
  readonly random: () => number;
  readonly finishing: FinishingWork;
  readonly journal: InstanceJournal;
  validate(items: readonly PlacedItem[], until: number): Promise<CommitResult>;
  /** Learns by fencing what became of a step whose reply was lost. */
  resolve(sent: SentCommit, until: number, cause: unknown): Promise<CommitResult>;
}

export interface TwoPhaseSetup {
  readonly store: VersionedStore;
  readonly address: TransactionAddress;
  readonly branches: BranchSet;
}

/** How long a commit with participants waits for items that others hold, in milliseconds. */
const PATIENCE_MS = 1000;
/** The same where it holds items of other nodes meanwhile. */
const PATIENCE_AMONG_OTHERS_MS = 50;
/** Between two tries. */
const LONGEST_PAUSE_MS = 4;

/**
 * One commit over several nodes of a store, or with other participants: prepare, validate, decide, apply
 * (docs/protocol.md, "Two phases", "Databases and other participants").
 *
 * T1 Nothing is validated before every lock stands, and nothing is decided before everything is validated.
 * T2 The step that writes the record decides, and nothing else does.
 * T3 No lock is removed before the outcome is recorded.
 * T4 The shortcut, in which items beside the record bear no lock, is taken only where nothing elsewhere
 *    is only read.
 * T5 What is prepared outside of the cache, and what a participant decides, is in the record before.
 * T6 Where an absent record has to mean refused, there is one before anything is held.
 */
export class TwoPhaseCommit {
  readonly #environment: TwoPhaseEnvironment;
  readonly #store: VersionedStore;
  readonly #request: CommitRequest;
  readonly #address: TransactionAddress;
  readonly #branches: BranchSet;
  readonly #parts: CommitParts;
  /** The participant who decides was never asked to, or has refused. */
  #cannotCommit = true;
  /** What was locked before the commit began. */
  #heldBefore: readonly string[] = [];
  /** The outcome is known, and is still to be recorded; whoever does that finishes the rest. */
  #isSettling = false;

  constructor(
    environment: TwoPhaseEnvironment,
    request: CommitRequest,
    { store, address, branches }: TwoPhaseSetup,
  ) {
    this.#environment = environment;
    this.#store = store;
    this.#request = request;
    this.#address = address;
    this.#branches = branches;
    const home = branches.decider === undefined ? store.recordNodeOf(address) : undefined;
    const { locks } = request;
    const items = locks?.held(request.items) ?? request.items;
    this.#parts = partsOf(items, home, locks !== undefined);
  }

  /** @throws TransactionOutcomeUnknownError, AskedTooLateError, and faults once they are rolled back. */
  async run(): Promise<CommitResult> {
    if (this.#environment.clock.now() >= this.#request.until) {
      throw new AskedTooLateError(
        `The commit of transaction ${this.#address.id} was not begun: its time was over. Nothing was written.`,
      );
    }
    this.#request.branchesHandedOver = true;
    this.#heldBefore = this.#request.locks?.handOver() ?? [];
    // Without participants there is less to do, and on this way promises count.
    const isShort = this.#isAlone && !this.#announcesFirst;
    const refusal = isShort
      ? ((await this.#prepare()) ?? (await this.#validate()))
      : await this.#readyForDecision();
    if (refusal !== undefined) return this.#rollBack(refusal);
    const isElsewhere = this.#branches.decider !== undefined;
    const result = await (isElsewhere ? this.#decideElsewhere() : this.#decide());
    if (result.status !== 'committed') return this.#rollBack(result);
    if (!this.#isSettling) await this.#finish();
    return result;
  }

  async #finish(): Promise<void> {
    const { prepared } = this.#branches;
    const { items, locks } = this.#request;
    const finished = this.#environment.finishing.apply(this.#store, {
      address: this.#address,
      redo: this.#redo,
      branches: prepared,
      unchanged: locks === undefined ? [] : unchangedIn(items, this.#keys),
    });
    // What is prepared is committed before the caller is answered, who may look for it; the rest behind him.
    if (prepared.length > 0)
      await endOrTimeout(this.#environment.clock, finished, this.#request.until);
  }

  /** T1, T5, T6 */
  async #readyForDecision(): Promise<CommitRefusal | undefined> {
    return (
      (await this.#announceFirst()) ??
      (await this.#nameBranches()) ??
      (await this.#prepare()) ??
      (await this.#validateAndAnnounce()) ??
      (await this.#prepareBranches())
    );
  }

  /** T6: a step that comes late finds the record gone, and what nobody decides goes by itself. */
  async #announceFirst(): Promise<CommitRefusal | undefined> {
    if (!this.#announcesFirst) return undefined;
    return firstOf([this.#enter(), this.#announce({ isBare: true })]);
  }

  async #nameBranches(): Promise<CommitRefusal | undefined> {
    if (this.#isAlone) return undefined;
    try {
      const cache = await cacheOf(this.#store, this.#address, this.#request.until);
      this.#branches.nameBy({ cache, address: this.#address });
      return undefined;
    } catch (error) {
      return unprepared(error);
    }
  }

  /** T5: by then the journal names the transaction, so that the record is found and cannot stay for ever. */
  async #validateAndAnnounce(): Promise<CommitRefusal | undefined> {
    if (this.#isAlone) return this.#validate();
    const announcing = this.#announce({ isBare: false });
    const [invalid, unannounced] = await Promise.all([this.#validate(), announcing]);
    return invalid ?? unannounced;
  }

  /** @param isBare It tells of no branch, and not what the items become. */
  #announce({ isBare }: { readonly isBare: boolean }): Promise<CommitRefusal | undefined> {
    const { call, items, until } = this.#request;
    const { decider, recorded } = this.#branches;
    const pending = {
      address: this.#address,
      record: printRecord(call, items),
      decider: isBare ? undefined : decider?.participant.name,
      branches: isBare ? [] : recorded,
      redo: isBare ? undefined : this.#redo,
    };
    return this.#store.announce(pending, until).then((reply): CommitRefusal | undefined => {
      if (reply.status === 'announced') return undefined;
      return reply.status === 'deadline' ? reply : { status: 'rolled_back' };
    }, unprepared);
  }

  get #announcesFirst(): boolean {
    return this.#store.announcesFirst(this.#address);
  }

  /** Nothing but the store takes part. */
  get #isAlone(): boolean {
    return this.#branches.all.length === 0;
  }

  /** T4: everything that is locked before the decision. */
  get #locked(): readonly CommitPart[] {
    const { homeWritten, heldElsewhere, readElsewhere } = this.#parts;
    const isShortcut = readElsewhere.items.length === 0;
    if (isShortcut || homeWritten.items.length === 0) return heldElsewhere;
    return [homeWritten, ...heldElsewhere];
  }

  get #redo(): readonly HeldItem[] {
    return this.#parts.heldElsewhere.flatMap((part) => part.redo);
  }

  /** Those that are prepared, and found by others if this process dies. */
  async #prepareBranches(): Promise<CommitRefusal | undefined> {
    const { prepared } = this.#branches;
    return prepared.length === 0 ? undefined : firstOf(this.#branches.prepare(this.#request.until));
  }

  /**
   * Locks in parallel on all nodes, and notes in the journal what may be locked. A step whose answer is
   * lost counts as refused.
   */
  async #prepare(): Promise<CommitRefusal | undefined> {
    const lock = (part: CommitPart): Promise<CommitRefusal | undefined> =>
      this.#isAlone ? this.#preparePart(part) : this.#outwait(part);
    const locking = this.#locked.filter((part) => !part.isHeldBefore).map(lock);
    return firstOf(this.#announcesFirst ? locking : [this.#enter(), ...locking]);
  }

  #enter(): Promise<CommitRefusal | undefined> {
    const holdings = { address: this.#address, keys: this.#keys };
    const entering = this.#environment.journal.enter(this.#store, holdings, this.#request.until);
    return entering.then(() => undefined, unprepared);
  }

  /**
   * What is written without having been seen may be written after whoever holds it: a counter that many
   * change. Where others take part a further attempt would have them do all their work again, so the lock is
   * waited for; not for long while locks on other nodes are held that its holder may be waiting for.
   */
  async #outwait(part: CommitPart): Promise<CommitRefusal | undefined> {
    const { clock, random } = this.#environment;
    let refusal = await this.#preparePart(part);
    const patienceMs = this.#locked.length === 1 ? PATIENCE_MS : PATIENCE_AMONG_OTHERS_MS;
    const end = Math.min(this.#request.until, clock.now() + patienceMs);
    while (this.#isPassing(refusal)) {
      const pauseMs = Math.ceil(LONGEST_PAUSE_MS * random());
      if (clock.now() + pauseMs >= end) return refusal;
      await pause(clock, pauseMs);
      refusal = await this.#preparePart(part);
    }
    return refusal;
  }

  /** It is refused for a lock alone, and not for what its holder may write. */
  #isPassing(refusal: CommitRefusal | undefined): boolean {
    if (refusal?.status !== 'locked') return false;
    return this.#request.items[refusal.index]?.expected === undefined;
  }

  #preparePart(part: CommitPart): Promise<CommitRefusal | undefined> {
    const marked = this.#parts.readElsewhere.items.length > 0;
    const request = { address: this.#address, marked, items: part.items };
    return this.#store.prepare(request, this.#request.until).then((reply) => {
      if (reply.status !== 'prepared') return part.placed(reply);
      part.hold(reply.heads);
      return undefined;
    }, unprepared);
  }

  /** T1. What is read beside the record is checked in the step that decides. */
  #validate(): Promise<CommitRefusal | undefined> | undefined {
    const part = this.#parts.readElsewhere;
    if (part.items.length === 0) return undefined;
    return this.#environment.validate(part.items, this.#request.until).then((result) => {
      if (result.status === 'committed') return undefined;
      return 'index' in result ? part.placed(result) : result;
    }, unprepared);
  }

  /** T2: one step on the node of the record. */
  async #decide(): Promise<CommitResult> {
    const { until, call, items } = this.#request;
    const { homeRead, homeWritten } = this.#parts;
    const commit: OnePhaseCommit = {
      address: this.#address,
      items: [...homeRead.heldItems, ...homeWritten.heldItems],
      record: printRecord(call, items),
      redo: this.#redo,
      branches: this.#branches.recorded,
      announced: !this.#isAlone || this.#announcesFirst,
      sent: false,
    };
    this.#request.sent = new SentCommit(commit, this.#store);
    let result: CommitResult;
    try {
      result = await this.#store.commitOnePhase(commit, until);
    } catch (error) {
      result = await this.#resolve(commit, error);
    }
    return this.#placed(result);
  }

  /** T2: the commit of a participant, who then is the only one to know. */
  async #decideElsewhere(): Promise<CommitResult> {
    const { until } = this.#request;
    const now = this.#environment.clock.now();
    if (now >= until) return { status: 'deadline', nodeTimeMs: this.#store.toNodeTime(now) };
    this.#request.sent = new SentCommit({ address: this.#address, sent: true }, this.#store);
    this.#cannotCommit = false;
    const decision = await this.#branches.decide(until);
    if (typeof decision === 'object' && 'refused' in decision) {
      this.#cannotCommit = true;
      return decision.refused;
    }
    const outcome = decision === 'committed' ? decision : await this.#fence(decision.unknown);
    if (outcome === 'rolled_back') return { status: 'fenced' };
    await this.#conclude();
    return this.#placed(COMMITTED);
  }

  /** @throws TransactionOutcomeUnknownError */
  async #fence(cause: unknown): Promise<'committed' | 'rolled_back'> {
    const { until } = this.#request;
    try {
      return await this.#branches.fence(until);
    } catch {
      this.#environment.finishing.settle(this.#store, this.#holdings);
      throw new TransactionOutcomeUnknownError(printAddress(this.#address), { cause });
    }
  }

  /**
   * Nobody may be answered before others can see the outcome; but it is decided, and no trouble in writing
   * it down makes it another one.
   */
  async #conclude(): Promise<void> {
    try {
      await this.#store.conclude(this.#address, 'committed', this.#request.until);
    } catch {
      this.#isSettling = true;
      this.#environment.finishing.settle(this.#store, this.#holdings);
    }
  }

  get #holdings(): OwnHoldings {
    const { decider, prepared: branches } = this.#branches;
    const cannotCommit = decider !== undefined && this.#cannotCommit;
    return { address: this.#address, keys: this.#keys, branches, cannotCommit };
  }

  async #resolve(commit: OnePhaseCommit, error: unknown): Promise<CommitResult> {
    const sent = new SentCommit(commit, this.#store);
    try {
      return await this.#environment.resolve(sent, this.#request.until, error);
    } catch (failure) {
      if (!(failure instanceof TransactionOutcomeUnknownError)) {
        return unprepared(failure);
      }
      this.#environment.finishing.settle(this.#store, this.#holdings);
      throw failure;
    }
  }

  /** The answer about the items beside the record, in the numbers of the whole commit. */
  #placed(result: CommitResult): CommitResult {
    const { homeRead, homeWritten, heldElsewhere } = this.#parts;
    const place = (nth: number): number =>
      nth < homeRead.items.length
        ? homeRead.indexOf(nth)
        : homeWritten.indexOf(nth - homeRead.items.length);
    if ('index' in result) return { ...result, index: place(result.index) };
    if (result.status !== 'committed') return result;
    if (result === COMMITTED && heldElsewhere.length === 0) return result;
    const counts = new Map(heldElsewhere.flatMap((part) => [...part.commitCounts()]));
    for (const [index, count] of homeWritten.commitCounts()) counts.set(index, count);
    for (const [nth, count] of result.commitCounts) counts.set(place(nth), count);
    return { status: 'committed', commitCounts: counts };
  }

  get #keys(): readonly string[] {
    const locked = this.#locked.flatMap((part) => part.keys);
    return this.#heldBefore.length === 0 ? locked : [...new Set([...this.#heldBefore, ...locked])];
  }

  /** T3: first the record says so, then the locks go. T2: what it says is the outcome. */
  async #rollBack(refusal: CommitRefusal): Promise<CommitResult> {
    const { until } = this.#request;
    await this.#branches.release(until);
    const outcome = await this.#environment.finishing.rollBack(this.#store, this.#holdings, until);
    if (outcome === 'committed') return this.#placed(COMMITTED);
    const fault = faultIn(refusal);
    if (fault !== undefined) throw fault;
    return refusal;
  }
}
