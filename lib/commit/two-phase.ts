import { TransactionOutcomeUnknownError } from '../errors/index.js';
import { AskedTooLateError } from '../store/asked-too-late.js';
import type { Clock } from '../store/clock.js';
import type { TransactionAddress } from '../store/transaction-address.js';
import type { HeldItem, OnePhaseCommit, VersionedStore } from '../store/versioned-store.js';
import {
  COMMITTED,
  type CommitRefusal,
  type CommitRequest,
  type CommitResult,
} from './commit-request.js';
import { partsOf, type CommitPart, type CommitParts } from './commit-parts.js';
import type { PlacedItem } from './commit-plan.js';
import { isFault } from './fault.js';
import type { FinishingWork } from './finishing-work.js';
import type { InstanceJournal } from './instance-journal.js';
import { printRecord } from './transaction-record.js';

/** What a commit over several nodes needs of the coordinator. */
export interface TwoPhaseEnvironment {
  readonly clock: Clock;
  readonly finishing: FinishingWork;
  readonly journal: InstanceJournal;
  validate(items: readonly PlacedItem[], until: number): Promise<CommitResult>;
  /** Learns by fencing what became of a step whose reply was lost. */
  resolve(
    sent: { readonly commit: OnePhaseCommit; readonly store: VersionedStore },
    until: number,
    cause: unknown,
  ): Promise<CommitResult>;
}

/**
 * One commit over several nodes of a store: prepare, validate, decide, apply (docs/protocol.md, "Two
 * phases").
 *
 * T1 Nothing is validated before every lock stands, and nothing is decided before everything is validated.
 * T2 The step that writes the record decides, and nothing else does.
 * T3 No lock is removed before the outcome is recorded.
 * T4 The shortcut, in which items beside the record bear no lock, is taken only where nothing elsewhere
 *    is only read.
 */
export class TwoPhaseCommit {
  readonly #environment: TwoPhaseEnvironment;
  readonly #store: VersionedStore;
  readonly #request: CommitRequest;
  readonly #address: TransactionAddress;
  readonly #parts: CommitParts;

  constructor(
    environment: TwoPhaseEnvironment,
    store: VersionedStore,
    request: CommitRequest,
    { address, home }: { readonly address: TransactionAddress; readonly home: string },
  ) {
    this.#environment = environment;
    this.#store = store;
    this.#request = request;
    this.#address = address;
    this.#parts = partsOf(request.items, home);
  }

  /** @throws TransactionOutcomeUnknownError, AskedTooLateError, and faults once they are rolled back. */
  async run(): Promise<CommitResult> {
    if (this.#environment.clock.now() >= this.#request.until) {
      throw new AskedTooLateError(
        `The commit of transaction ${this.#address.id} was not begun: its time was over. Nothing was written.`,
      );
    }
    const refusal = (await this.#prepare()) ?? (await this.#validate());
    if (refusal !== undefined) return this.#rollBack(refusal);
    const result = await this.#decide();
    if (result.status !== 'committed') return this.#rollBack(result);
    this.#environment.finishing.apply(this.#store, this.#address, this.#redo);
    return result;
  }

  /** T4: everything that is locked before the decision. */
  get #locked(): readonly CommitPart[] {
    const { homeWritten, writtenElsewhere, readElsewhere } = this.#parts;
    const isShortcut = readElsewhere.items.length === 0;
    if (isShortcut || homeWritten.items.length === 0) return writtenElsewhere;
    return [homeWritten, ...writtenElsewhere];
  }

  get #redo(): readonly HeldItem[] {
    return this.#parts.writtenElsewhere.flatMap((part) => part.redo);
  }

  /**
   * Locks in parallel on all nodes, and notes in the journal what may be locked. A step whose answer is
   * lost counts as refused.
   */
  async #prepare(): Promise<CommitRefusal | undefined> {
    const steps = [this.#enter(), ...this.#locked.map((part) => this.#preparePart(part))];
    const given: CommitRefusal[] = [];
    // All of them are under way, and none is ever rejected.
    for (const step of steps) {
      const refusal = await step;
      if (refusal !== undefined) given.push(refusal);
    }
    // What an item has against the transaction says more than a node that did not answer.
    return (
      given.find((refusal) => faultIn(refusal) !== undefined) ??
      given.find((refusal) => refusal.status !== 'unprepared') ??
      given[0]
    );
  }

  #enter(): Promise<CommitRefusal | undefined> {
    const holdings = { address: this.#address, keys: this.#keys };
    const entering = this.#environment.journal.enter(this.#store, holdings, this.#request.until);
    return entering.then(() => undefined, unprepared);
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
      items: [...homeRead.items, ...homeWritten.heldItems],
      record: printRecord(call, items),
      redo: this.#redo,
      sent: false,
    };
    this.#request.sent = { commit, store: this.#store };
    let result: CommitResult;
    try {
      result = await this.#store.commitOnePhase(commit, until);
    } catch (error) {
      result = await this.#resolve(commit, error);
    }
    return this.#placed(result);
  }

  async #resolve(commit: OnePhaseCommit, error: unknown): Promise<CommitResult> {
    const sent = { commit, store: this.#store };
    try {
      return await this.#environment.resolve(sent, this.#request.until, error);
    } catch (failure) {
      if (!(failure instanceof TransactionOutcomeUnknownError)) {
        return unprepared(failure);
      }
      this.#environment.finishing.settle(this.#store, this.#address, this.#keys);
      throw failure;
    }
  }

  /** The answer about the items beside the record, in the numbers of the whole commit. */
  #placed(result: CommitResult): CommitResult {
    const { homeRead, homeWritten, writtenElsewhere } = this.#parts;
    const place = (nth: number): number =>
      nth < homeRead.items.length
        ? homeRead.indexOf(nth)
        : homeWritten.indexOf(nth - homeRead.items.length);
    if ('index' in result) return { ...result, index: place(result.index) };
    if (result.status !== 'committed') return result;
    if (result === COMMITTED && writtenElsewhere.length === 0) return result;
    const counts = new Map(writtenElsewhere.flatMap((part) => [...part.commitCounts()]));
    for (const [index, count] of homeWritten.commitCounts()) counts.set(index, count);
    for (const [nth, count] of result.commitCounts) counts.set(place(nth), count);
    return { status: 'committed', commitCounts: counts };
  }

  get #keys(): readonly string[] {
    return this.#locked.flatMap((part) => part.keys);
  }

  /** T3: first the record says so, then the locks go. T2: what it says is the outcome. */
  async #rollBack(refusal: CommitRefusal): Promise<CommitResult> {
    const outcome = await this.#environment.finishing.rollBack(
      this.#store,
      { address: this.#address, keys: this.#keys },
      this.#request.until,
    );
    if (outcome === 'committed') return this.#placed(COMMITTED);
    const fault = faultIn(refusal);
    if (fault !== undefined) throw fault;
    return refusal;
  }
}

function unprepared(error: unknown): CommitRefusal {
  return { status: 'unprepared', cause: error };
}

/** What is no state of a node, and is told as it is. */
function faultIn(refusal: CommitRefusal): unknown {
  return refusal.status === 'unprepared' && isFault(refusal.cause) ? refusal.cause : undefined;
}
