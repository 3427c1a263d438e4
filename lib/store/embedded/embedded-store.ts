import { InvariantViolationError, StoreUnavailableError } from '../../errors/index.js';
import { drawIdentity, isOwnHome } from '../cache-identity.js';
import type { Clock } from '../clock.js';
import { slotOf, tagOfSlot } from '../hash-slot.js';
import { isPlaced } from '../placed-key.js';
import { parseStoredItem } from '../stored-item.js';
import { isKept, parseRecord, printMembers } from '../stored-record.js';
import { recordKeyOf, type TransactionAddress } from '../transaction-address.js';
import {
  tombstoneMsOf,
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
  type RecordLifetime,
  type TransactionRecord,
  type VersionedStore,
} from '../versioned-store.js';
import { EmbeddedEntries } from './embedded-entries.js';
import { EmbeddedJournal } from './embedded-journal.js';
import { EmbeddedTurnKeeper } from './embedded-turn-keeper.js';
import type { TurnKeeper } from '../turn-keeper.js';
import { judgeCommit } from '../judge/judge-commit.js';
import {
  judgeApply,
  judgePrepare,
  judgeRelease,
  placeholderVersion,
} from '../judge/judge-locks.js';
import {
  judgeAnnounce,
  judgeConclude,
  judgeFence,
  judgeUndecided,
  statusOf,
  type JudgedAt,
  type RecordVerdict,
} from '../judge/judge-record.js';

export interface EmbeddedStoreOptions {
  readonly name: string;
  readonly clock: Clock;
  readonly lifetime: RecordLifetime;
  /** Whether transactions may lie in this store and another one. @default false */
  readonly amongOthers?: boolean;
  /**
   * Tells keys apart that no step may cover together, as a cluster would; keys of one hash slot must
   * be of one node.
   *
   * @internal
   * @default one node for all
   */
  readonly nodeOf?: (key: string) => string;
}

/**
 * Everything here is answered at once, and promises alone never let timers and sockets have their
 * turn; so every so many operations one waits for the next round of the event loop.
 */
const OPERATIONS_PER_TURN = 64;

/**
 * A store in the memory of this process, with the layout and the rules of the others: for samples,
 * for unit tests, and for a first look. What it holds dies with the process.
 */
export class EmbeddedStore implements VersionedStore {
  readonly name: string;
  readonly spansNodes: boolean;
  readonly keepsRecords = true;
  readonly turnKeeper: TurnKeeper;
  readonly journal: EmbeddedJournal;
  readonly #clock: Clock;
  readonly #lifetime: RecordLifetime;
  readonly #nodeOf: ((key: string) => string) | undefined;
  readonly #amongOthers: boolean;
  readonly #entries: EmbeddedEntries;
  readonly #identity = drawIdentity();
  #moment = 0;
  #lastPlaceholderUs = 0;
  #operations = 0;
  #pause: Promise<void> | undefined;

  constructor(options: EmbeddedStoreOptions) {
    this.name = options.name;
    this.#clock = options.clock;
    this.#lifetime = options.lifetime;
    this.#nodeOf = options.nodeOf;
    this.#amongOthers = options.amongOthers ?? false;
    this.spansNodes = options.nodeOf !== undefined;
    this.#entries = new EmbeddedEntries(options.clock);
    this.journal = new EmbeddedJournal(options.clock);
    this.turnKeeper = new EmbeddedTurnKeeper(options.clock);
  }

  async open(): Promise<void> {}

  nodeOf(key: string): string {
    return this.#nodeOf?.(key) ?? this.name;
  }

  recordNodeOf(address: TransactionAddress): string {
    return this.nodeOf(recordKeyOf(address));
  }

  announcesFirst(): boolean {
    return false;
  }

  isHome(address: TransactionAddress): Promise<boolean> {
    return isOwnHome(this, address, Infinity);
  }

  holds(key: string): boolean {
    return !isPlaced(key);
  }

  homeOf(keys: readonly string[]): string {
    if (this.#nodeOf === undefined || keys.length === 0) return tagOfSlot(0);
    return tagOfSlot(keys.reduce((lowest, key) => Math.min(lowest, slotOf(key)), Infinity));
  }

  toNodeTime(localMs: number): number {
    return localMs - this.#clock.now() + this.#clock.time();
  }

  async read(keys: readonly string[]): Promise<ReadReply> {
    const stood = new Map<string, ReadReply['items'][number]>();
    const nodes = new Set(keys.map((key) => this.nodeOf(key)));
    for (const node of nodes.size > 0 ? nodes : [this.name]) {
      await this.#takeTurn();
      for (const key of keys) {
        if (this.nodeOf(key) === node) stood.set(key, this.#read(key));
      }
    }
    const items = keys.map((key) => stood.get(key));
    const locked = items.some((item) => item?.kind === 'item' && item.lock !== undefined);
    return { items, moment: nodes.size > 1 ? undefined : ++this.#moment, locked };
  }

  async commitOnePhase(commit: OnePhaseCommit): Promise<OnePhaseReply> {
    this.#assertOneNode([recordKeyOf(commit.address), ...commit.items.map(({ key }) => key)]);
    await this.#takeTurn();
    if (commit.withdrawn) throw new StoreUnavailableError('The time of the call is over.');
    this.#entries.sweep();
    commit.sent = true;
    const recordKey = recordKeyOf(commit.address);
    const record = this.#entries.get(recordKey);
    if (record?.startsWith('committed')) return { status: 'committed', commitCounts: new Map() };
    if (record?.startsWith('rolled_back')) return { status: 'rolled_back' };
    const at = this.#judgedAt();
    const refusal = judgeUndecided(record, commit, at);
    if (refusal !== undefined) return refusal;
    const verdict = judgeCommit(commit, (key) => this.#entries.get(key), this.#tombstoneMs);
    if (verdict.reply.status !== 'committed') return verdict.reply;
    const text = `committed|{"decidedAt":${at.nowMs},${printMembers(commit)}}`;
    const ttlMs = isKept(commit) ? undefined : this.#keptMs(commit.address, at.nowMs);
    this.#entries.set(recordKey, text, ttlMs);
    this.#entries.write(verdict.writes);
    return verdict.reply;
  }

  async prepare(request: PrepareRequest): Promise<PrepareReply> {
    this.#assertOneNode(request.items.map(({ key }) => key));
    await this.#takeTurn();
    this.#entries.sweep();
    // A clock that stands still must not give one version to two placeholders.
    const timeUs = Math.floor(this.#clock.time() * 1000);
    this.#lastPlaceholderUs = Math.max(this.#lastPlaceholderUs + 1, timeUs);
    const absentVersion = placeholderVersion(this.#lastPlaceholderUs);
    const verdict = judgePrepare(request, (key) => this.#entries.find(key), absentVersion);
    for (const replacement of verdict.replacements) this.#entries.replace(replacement);
    return verdict.reply;
  }

  async apply(
    address: TransactionAddress,
    items: readonly HeldItem[],
  ): Promise<readonly AppliedStatus[]> {
    this.#assertOneNode(items.map(({ key }) => key));
    await this.#takeTurn();
    return items.map((item) => {
      const verdict = judgeApply(item, address, this.#entries.find(item.key), {
        nowMs: this.#clock.time(),
        tombstoneMs: this.#tombstoneMs,
      });
      this.#entries.replace(verdict.replacement);
      return verdict.status;
    });
  }

  async release(address: TransactionAddress, keys: readonly string[]): Promise<void> {
    this.#assertOneNode(keys);
    await this.#takeTurn();
    for (const key of keys) {
      this.#entries.replace(
        judgeRelease(key, address, this.#entries.find(key), this.#clock.time()),
      );
    }
  }

  async announce(pending: PendingTransaction): Promise<AnnounceReply> {
    await this.#takeTurn();
    const at = this.#judgedAt();
    return this.#judge(pending.address, at, (text) => judgeAnnounce(text, pending, at));
  }

  async conclude(
    address: TransactionAddress,
    outcome: 'committed' | 'rolled_back',
  ): Promise<FencedOutcome> {
    await this.#takeTurn();
    return this.#judge(address, this.#judgedAt(), (text) => judgeConclude(text, address, outcome));
  }

  async identity(): Promise<string> {
    return this.#identity;
  }

  async record(address: TransactionAddress): Promise<TransactionRecord | undefined> {
    await this.#takeTurn();
    const text = this.#entries.get(recordKeyOf(address));
    return text === undefined ? undefined : parseRecord(text);
  }

  async retire(address: TransactionAddress): Promise<void> {
    await this.#takeTurn();
    const key = recordKeyOf(address);
    const text = this.#entries.get(key);
    if (text !== undefined) this.#entries.set(key, text, this.#keptMs(address, this.#clock.time()));
  }

  async fence(address: TransactionAddress): Promise<FencedOutcome | 'pending'> {
    const at = this.#judgedAt();
    return this.#judge(address, at, (text) => judgeFence(text, address, at));
  }

  async outcome(address: TransactionAddress): Promise<RecordedOutcome> {
    const record = this.#entries.get(recordKeyOf(address));
    if (record !== undefined) return statusOf(record) ?? 'undecided';
    const forgottenAtMs = address.deadlineAtMs + this.#lifetime.marginMs;
    return this.#clock.time() < forgottenAtMs ? 'undecided' : 'expired';
  }

  async ping(): Promise<void> {}

  async close(): Promise<void> {}

  /** Forgets everything, as between two tests. */
  clear(): void {
    this.#entries.clear();
    this.journal.clear();
  }

  /** Puts a value under a key as another program would. */
  setForeign(key: string, value: string): void {
    this.#entries.set(key, value, undefined);
  }

  /** The text under a key, as another program would see it. */
  peekRaw(key: string): string | undefined {
    return this.#entries.get(key);
  }

  /** On one node every commit is validated in one moment, and nobody has to tell absences apart. */
  get #tombstoneMs(): number | undefined {
    const tellsAbsences = this.spansNodes || this.#amongOthers;
    return tellsAbsences ? tombstoneMsOf(this.#lifetime) : undefined;
  }

  /** Whoever comes while one waits, waits behind him: steps happen in the order in which they were asked for. */
  #takeTurn(): Promise<void> | undefined {
    if (this.#pause !== undefined) return this.#pause;
    if (++this.#operations % OPERATIONS_PER_TURN > 0) return undefined;
    this.#pause = new Promise((resolve) => {
      setImmediate(() => {
        this.#pause = undefined;
        resolve();
      });
    });
    return this.#pause;
  }

  #judgedAt(): JudgedAt {
    return { nowMs: Math.floor(this.#clock.time()), lifetime: this.#lifetime };
  }

  #judge<R>(
    address: TransactionAddress,
    { nowMs }: JudgedAt,
    judge: (record: string | undefined) => RecordVerdict<R>,
  ): R {
    const key = recordKeyOf(address);
    const { reply, text, kept } = judge(this.#entries.get(key));
    if (text !== undefined) {
      this.#entries.set(key, text, kept ? undefined : this.#keptMs(address, nowMs));
    }
    return reply;
  }

  /** How long a record is kept from now on. */
  #keptMs({ deadlineAtMs }: TransactionAddress, now: number): number {
    const { marginMs, retentionMs } = this.#lifetime;
    return Math.max(deadlineAtMs - now, 0) + marginMs + retentionMs;
  }

  /** No other kind of store could do it in one step either. */
  #assertOneNode(keys: readonly string[]): void {
    if (this.#nodeOf === undefined) return;
    const nodes = new Set(keys.map((key) => this.nodeOf(key)));
    if (nodes.size <= 1) return;
    throw new InvariantViolationError(`One step was to cover ${[...nodes].join(' and ')}.`);
  }

  #read(key: string): ReadReply['items'][number] {
    const value = this.#entries.get(key);
    return value === undefined ? undefined : parseStoredItem(value);
  }
}
