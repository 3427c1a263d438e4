import { StoreUnavailableError } from '../../lib/errors/index.js';
import type { Holdings, Journal } from '../../lib/store/journal.js';
import type { TurnKeeper } from '../../lib/store/turn-keeper.js';
import { printAddress, type TransactionAddress } from '../../lib/store/transaction-address.js';
import {
  CommitReplyLostError,
  type AnnounceReply,
  type AppliedStatus,
  type FencedOutcome,
  type HeldItem,
  type OnePhaseCommit,
  type OnePhaseReply,
  type PendingTransaction,
  type PrepareReply,
  type PrepareRequest,
  type ReadReply,
  type RecordedOutcome,
  type TransactionRecord,
  type VersionedStore,
} from '../../lib/store/versioned-store.js';

/**
 * - `not-sent`: the step never happens, and its caller is told so.
 * - `reply-lost`: the step happens, and its caller is not told.
 * - `crash-before`, `crash-after`: the process dies before or after the step; no later one happens.
 * - `late`: the caller is told at once that the reply is lost, and the step happens later.
 * - `twice`: the step happens twice, and the second reply is the one that arrives.
 * - `repeated`: the step happens and is answered, and happens once more later.
 */
export const FAULT_KINDS = [
  'not-sent',
  'reply-lost',
  'crash-before',
  'crash-after',
  'late',
  'twice',
  'repeated',
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

export interface Fault {
  readonly kind: FaultKind;
  /** For `late` and `repeated`: how many calls come first. @default until `deliverLate()` */
  readonly afterCalls?: number;
}

export const PROTOCOL_METHODS = [
  'read',
  'commitOnePhase',
  'prepare',
  'apply',
  'release',
  'record',
  'retire',
  'fence',
  'outcome',
  'announce',
  'conclude',
  'journal.enter',
  'journal.leave',
  'journal.beat',
  'journal.lapsed',
  'journal.claim',
  'journal.entries',
  'journal.forget',
  'participant.prepare',
  'participant.commit',
  'participant.rollback',
  'participant.decide',
  'participant.fence',
  'participant.list',
  'participant.forget',
] as const;
/** No part of the protocol: no promise rests on it. */
const TURN_METHODS = ['turn.take', 'turn.pass'] as const;
export type ProtocolMethod = (typeof PROTOCOL_METHODS | typeof TURN_METHODS)[number];

/** One call of a scenario: its number among all, and among those of its method; both from 1. */
export interface NumberedCall {
  readonly number: number;
  readonly method: ProtocolMethod;
  readonly nth: number;
}

interface LateStep {
  readonly afterCall: number;
  readonly step: () => Promise<unknown>;
}

/** The connection of one process to a store that several processes share, and what goes wrong on it. */
export class FaultyStore implements VersionedStore {
  readonly inner: VersionedStore;
  readonly journal: Journal;
  readonly turnKeeper: TurnKeeper | undefined;
  /** Every transaction that may have written a record. */
  readonly decided: TransactionAddress[] = [];
  /** The names under which it wrote into the journal. */
  readonly instances = new Set<string>();
  /** Told of each call before it happens. */
  faultOf: (call: NumberedCall) => Fault | undefined = () => undefined;
  /** Waited for before each call happens. */
  before: (call: NumberedCall) => Promise<void> | void = () => undefined;
  readonly #counts = new Map<ProtocolMethod, number>();
  /** The keys by address. */
  readonly #noted = new Map<string, ReadonlySet<string>>();
  #calls = 0;
  #late: LateStep[] = [];
  #isDead = false;

  constructor(inner: VersionedStore) {
    this.inner = inner;
    this.journal = this.#faultyJournal(inner.journal);
    this.turnKeeper = inner.turnKeeper && this.#faultyKeeper(inner.turnKeeper);
  }

  /** How many calls there were so far. */
  get calls(): number {
    return this.#calls;
  }
  get methods(): readonly ProtocolMethod[] {
    return [...this.#counts.keys()];
  }
  get name(): string {
    return this.inner.name;
  }
  get spansNodes(): boolean {
    return this.inner.spansNodes;
  }
  get keepsRecords(): boolean {
    return this.inner.keepsRecords;
  }
  /** The process behind it has crashed. */
  get isDead(): boolean {
    return this.#isDead;
  }
  learn(until: number): Promise<void> | undefined {
    return this.inner.learn?.(until);
  }
  open(): Promise<void> {
    return this.inner.open();
  }
  ping(until: number): Promise<void> {
    return this.inner.ping(until);
  }
  async close(): Promise<void> {}
  nodeOf(key: string): string {
    return this.inner.nodeOf(key);
  }
  recordNodeOf(address: TransactionAddress): string {
    return this.inner.recordNodeOf(address);
  }
  announcesFirst(address: TransactionAddress): boolean {
    return this.inner.announcesFirst(address);
  }
  isHome(address: TransactionAddress, until: number): Promise<boolean> {
    return this.inner.isHome(address, until);
  }
  holds(key: string): boolean {
    return this.inner.holds(key);
  }
  homeOf(keys: readonly string[]): string {
    return this.inner.homeOf(keys);
  }
  toNodeTime(localMs: number, home?: string): number {
    return this.inner.toNodeTime(localMs, home);
  }

  read(keys: readonly string[], until: number): Promise<ReadReply> {
    return this.step('read', () => this.inner.read(keys, until));
  }
  commitOnePhase(commit: OnePhaseCommit, until: number): Promise<OnePhaseReply> {
    this.decided.push(commit.address);
    // Nothing fences a refused commit of one phase, and no connection repeats what it has answered.
    let refusal: OnePhaseReply | undefined;
    const step = async (): Promise<OnePhaseReply> => {
      if (refusal !== undefined && commit.redo === undefined) return refusal;
      const reply = await this.inner.commitOnePhase(commit, until);
      if (reply.status !== 'committed') refusal = reply;
      return reply;
    };
    return this.step('commitOnePhase', step, () => (commit.sent = true));
  }
  prepare(request: PrepareRequest, until: number): Promise<PrepareReply> {
    return this.step('prepare', () => this.inner.prepare(request, until));
  }
  apply(
    address: TransactionAddress,
    items: readonly HeldItem[],
    until: number,
  ): Promise<readonly AppliedStatus[]> {
    return this.step('apply', () => this.inner.apply(address, items, until));
  }
  release(address: TransactionAddress, keys: readonly string[], until: number): Promise<void> {
    return this.step('release', () => this.inner.release(address, keys, until));
  }
  record(address: TransactionAddress, until: number): Promise<TransactionRecord | undefined> {
    return this.step('record', () => this.inner.record(address, until));
  }
  retire(address: TransactionAddress, until: number): Promise<void> {
    return this.step('retire', () => this.inner.retire(address, until));
  }
  announce(pending: PendingTransaction, until: number): Promise<AnnounceReply> {
    this.decided.push(pending.address);
    return this.step('announce', () => this.inner.announce(pending, until));
  }
  conclude(
    address: TransactionAddress,
    outcome: 'committed' | 'rolled_back',
    until: number,
  ): Promise<FencedOutcome> {
    return this.step('conclude', () => this.inner.conclude(address, outcome, until));
  }
  identity(until: number): Promise<string> {
    return this.inner.identity(until);
  }
  fence(address: TransactionAddress, until: number): Promise<FencedOutcome | 'pending'> {
    this.decided.push(address);
    return this.step('fence', () => this.inner.fence(address, until));
  }
  outcome(address: TransactionAddress, until: number): Promise<RecordedOutcome> {
    return this.step('outcome', () => this.inner.outcome(address, until));
  }

  /** Whether the journal ever told that the transaction holds the item. */
  isNoted(address: TransactionAddress, key: string): boolean {
    return this.#noted.get(printAddress(address))?.has(key) ?? false;
  }

  /** From now on this process has no effect any more; what it sent before may still arrive. */
  crash(): void {
    this.#isDead = true;
  }

  /** What is still on its way arrives. */
  async deliverLate(): Promise<void> {
    await this.#deliver(Infinity);
  }

  /** One call by the process of this connection, to the store or to another participant. */
  async step<T>(
    method: ProtocolMethod,
    step: () => Promise<T>,
    noteSent: () => void = () => undefined,
  ): Promise<T> {
    if (this.#isDead) throw crashed();
    const call = this.#number(method);
    await this.before(call);
    await this.#deliver(call.number);
    if (this.#isDead) throw crashed();
    const fault = this.faultOf(call);
    switch (fault?.kind) {
      case undefined:
        return step();
      case 'not-sent':
        throw new StoreUnavailableError(`${method} was not sent.`);
      case 'reply-lost':
        await step().catch(() => undefined);
        throw lost(method);
      case 'crash-before':
        this.#isDead = true;
        throw crashed();
      case 'crash-after':
        this.#isDead = true;
        await step().catch(() => undefined);
        throw lost(method);
      case 'late':
        noteSent();
        this.#postpone(call, fault, step);
        throw lost(method);
      case 'repeated':
        this.#postpone(call, fault, step);
        return step();
      case 'twice':
        await step();
        return step();
    }
  }

  #postpone(call: NumberedCall, { afterCalls = Infinity }: Fault, step: LateStep['step']): void {
    this.#late.push({ afterCall: call.number + afterCalls, step });
  }

  #number(method: ProtocolMethod): NumberedCall {
    const nth = (this.#counts.get(method) ?? 0) + 1;
    this.#counts.set(method, nth);
    return { number: ++this.#calls, method, nth };
  }

  async #deliver(number: number): Promise<void> {
    const due = this.#late.filter(({ afterCall }) => afterCall < number || number === Infinity);
    this.#late = this.#late.filter((step) => !due.includes(step));
    // Nobody waits for the answer any more.
    for (const { step } of due) await step().catch(() => undefined);
  }

  #faultyKeeper(keeper: TurnKeeper): TurnKeeper {
    return {
      take: (request) => this.step('turn.take', () => keeper.take(request)),
      pass: (request, isWanted) => this.step('turn.pass', () => keeper.pass(request, isWanted)),
    };
  }

  #faultyJournal(journal: Journal): Journal {
    return {
      enter: (instance, holdings: Holdings, until) =>
        this.step('journal.enter', async () => {
          await journal.enter(instance, holdings, until);
          this.#noted.set(printAddress(holdings.address), new Set(holdings.keys));
        }),
      leave: (instance, addresses, until) =>
        this.step('journal.leave', () => journal.leave(instance, addresses, until)),
      beat: (instance, lapseMs, until) => {
        this.instances.add(instance);
        return this.step('journal.beat', () => journal.beat(instance, lapseMs, until));
      },
      lapsed: (until) => this.step('journal.lapsed', () => journal.lapsed(until)),
      claim: (instance, claim, until) =>
        this.step('journal.claim', () => journal.claim(instance, claim, until)),
      entries: (instance, page, until) =>
        this.step('journal.entries', () => journal.entries(instance, page, until)),
      forget: (instance, until) =>
        this.step('journal.forget', () => journal.forget(instance, until)),
    };
  }
}

function lost(method: ProtocolMethod): Error {
  const message = `The reply to ${method} was lost.`;
  if (method.startsWith('participant.')) return new Error(message);
  const mayHaveCommitted = method === 'prepare' || method === 'commitOnePhase';
  return mayHaveCommitted ? new CommitReplyLostError(message) : new StoreUnavailableError(message);
}

function crashed(): Error {
  return new StoreUnavailableError('The process has crashed.');
}
