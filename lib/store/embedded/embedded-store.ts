import { randomBytes } from 'node:crypto';
import { InvariantViolationError, StoreUnavailableError } from '../../errors/index.js';
import type { Clock } from '../clock.js';
import { slotOf, tagOfSlot } from '../hash-slot.js';
import { parseRecord, printDecided, printPending } from '../recorded-branches.js';
import { parseStoredItem } from '../stored-item.js';
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
import { EmbeddedJournal } from './embedded-journal.js';
import { judgeCommit, type Writes } from './judge-commit.js';
import {
  judgeApply,
  judgePrepare,
  judgeRelease,
  placeholderVersion,
  type Entry,
  type Replacement,
} from './judge-locks.js';

export interface EmbeddedStoreOptions {
  readonly name: string;
  readonly clock: Clock;
  readonly lifetime: RecordLifetime;
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
  readonly journal: EmbeddedJournal;
  readonly #clock: Clock;
  readonly #lifetime: RecordLifetime;
  readonly #nodeOf: ((key: string) => string) | undefined;
  readonly #entries = new Map<string, Entry>();
  readonly #identity = randomBytes(6).toString('hex');
  #moment = 0;
  #lastPlaceholderUs = 0;
  #operations = 0;
  #nextSweepAtMs = 0;

  constructor(options: EmbeddedStoreOptions) {
    this.name = options.name;
    this.#clock = options.clock;
    this.#lifetime = options.lifetime;
    this.#nodeOf = options.nodeOf;
    this.spansNodes = options.nodeOf !== undefined;
    this.journal = new EmbeddedJournal(options.clock);
  }

  async open(): Promise<void> {}

  nodeOf(key: string): string {
    return this.#nodeOf?.(key) ?? this.name;
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
    this.#sweep();
    commit.sent = true;
    const recordKey = recordKeyOf(commit.address);
    const record = this.#get(recordKey);
    if (record?.startsWith('committed')) return { status: 'committed', commitCounts: new Map() };
    if (record?.startsWith('rolled_back')) return { status: 'rolled_back' };
    if (commit.announced && !mayDecide(record)) return { status: 'rolled_back' };
    const now = Math.floor(this.#clock.time());
    if (!this.#isInTime(commit.address, now)) return { status: 'deadline', nodeTimeMs: now };
    const verdict = judgeCommit(commit, (key) => this.#get(key), this.#tombstoneMs);
    if (verdict.reply.status !== 'committed') return verdict.reply;
    const decided = printDecided(commit.redo, commit.branches);
    const text = `committed|{"decidedAt":${now},${commit.record}${decided}}`;
    const ttlMs = decided === '' ? this.#keptMs(commit.address, now) : undefined;
    this.#set(recordKey, text, ttlMs);
    this.#apply(verdict.writes);
    return verdict.reply;
  }

  async prepare(request: PrepareRequest): Promise<PrepareReply> {
    this.#assertOneNode(request.items.map(({ key }) => key));
    await this.#takeTurn();
    this.#sweep();
    // A clock that stands still must not give one version to two placeholders.
    const timeUs = Math.floor(this.#clock.time() * 1000);
    this.#lastPlaceholderUs = Math.max(this.#lastPlaceholderUs + 1, timeUs);
    const absentVersion = placeholderVersion(this.#lastPlaceholderUs);
    const verdict = judgePrepare(request, (key) => this.#entry(key), absentVersion);
    for (const replacement of verdict.replacements) this.#replace(replacement);
    return verdict.reply;
  }

  async apply(
    address: TransactionAddress,
    items: readonly HeldItem[],
  ): Promise<readonly AppliedStatus[]> {
    this.#assertOneNode(items.map(({ key }) => key));
    await this.#takeTurn();
    return items.map((item) => {
      const verdict = judgeApply(item, address, this.#entry(item.key), {
        nowMs: this.#clock.time(),
        tombstoneMs: this.#tombstoneMs,
      });
      this.#replace(verdict.replacement);
      return verdict.status;
    });
  }

  async release(address: TransactionAddress, keys: readonly string[]): Promise<void> {
    this.#assertOneNode(keys);
    await this.#takeTurn();
    for (const key of keys) {
      this.#replace(judgeRelease(key, address, this.#entry(key), this.#clock.time()));
    }
  }

  async record(address: TransactionAddress): Promise<TransactionRecord | undefined> {
    await this.#takeTurn();
    const text = this.#get(recordKeyOf(address));
    return text === undefined ? undefined : parseRecord(text);
  }

  async announce(pending: PendingTransaction): Promise<AnnounceReply> {
    await this.#takeTurn();
    const { address, record, decider, branches, redo } = pending;
    const key = recordKeyOf(address);
    const stood = this.#get(key);
    const status = statusOf(stood);
    if (status !== undefined) return { status };
    const now = Math.floor(this.#clock.time());
    if (!this.#isInTime(address, now)) return { status: 'deadline', nodeTimeMs: now };
    if (stood === undefined) {
      const text = `${printPending(decider)}|{${record}${printDecided(redo, branches)}}`;
      this.#set(key, text, undefined);
    }
    return { status: 'announced' };
  }

  async conclude(
    address: TransactionAddress,
    outcome: 'committed' | 'rolled_back',
  ): Promise<FencedOutcome> {
    await this.#takeTurn();
    const key = recordKeyOf(address);
    const text = this.#get(key);
    if (text === undefined) return 'forgotten';
    const status = statusOf(text);
    if (status !== undefined) return status;
    if (!text.startsWith('pending@')) {
      throw new InvariantViolationError('No participant decides what was to be concluded.');
    }
    this.#set(key, `${outcome}${text.slice(text.indexOf('|'))}`, undefined);
    return outcome;
  }

  async identity(): Promise<string> {
    return this.#identity;
  }

  async retire(address: TransactionAddress): Promise<void> {
    await this.#takeTurn();
    const key = recordKeyOf(address);
    const text = this.#get(key);
    if (text !== undefined) this.#set(key, text, this.#keptMs(address, this.#clock.time()));
  }

  async fence(address: TransactionAddress): Promise<FencedOutcome | 'pending'> {
    const key = recordKeyOf(address);
    const text = this.#get(key);
    const status = statusOf(text);
    if (status !== undefined) return status;
    if (text?.startsWith('pending@')) return 'pending';
    if (text !== undefined) {
      this.#set(key, `rolled_back${text.slice(text.indexOf('|'))}`, undefined);
      return 'rolled_back';
    }
    const now = Math.floor(this.#clock.time());
    if (now >= address.deadlineAtMs + this.#lifetime.marginMs) return 'forgotten';
    this.#set(key, `rolled_back|{"decidedAt":${now}}`, this.#keptMs(address, now));
    return 'rolled_back';
  }

  async outcome(address: TransactionAddress): Promise<RecordedOutcome> {
    const text = this.#get(recordKeyOf(address));
    if (text !== undefined) return statusOf(text) ?? 'undecided';
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
    this.#set(key, value, undefined);
  }

  /** The text under a key, as another program would see it. */
  peekRaw(key: string): string | undefined {
    return this.#get(key);
  }

  /** On one node every commit is validated in one moment, and nobody has to tell absences apart. */
  get #tombstoneMs(): number | undefined {
    return this.spansNodes ? tombstoneMsOf(this.#lifetime) : undefined;
  }

  #takeTurn(): Promise<void> | undefined {
    if (++this.#operations % OPERATIONS_PER_TURN > 0) return undefined;
    return new Promise((resolve) => setImmediate(resolve));
  }

  #isInTime({ deadlineAtMs }: TransactionAddress, now: number): boolean {
    const { longestTimeoutMs, marginMs } = this.#lifetime;
    return now < deadlineAtMs && deadlineAtMs <= now + longestTimeoutMs + marginMs;
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
    const value = this.#get(key);
    return value === undefined ? undefined : parseStoredItem(value);
  }

  #replace(replacement: Replacement | undefined): void {
    if (replacement === undefined) return;
    const { key, entry } = replacement;
    if (entry === undefined) this.#entries.delete(key);
    else this.#entries.set(key, entry);
  }

  #apply(writes: Writes): void {
    for (const { key, value, ttlMs } of writes) {
      if (value === undefined) this.#entries.delete(key);
      else this.#set(key, value, ttlMs);
    }
  }

  #get(key: string): string | undefined {
    return this.#entry(key)?.value;
  }

  #entry(key: string): Entry | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    if (entry.expiresAtMs > this.#clock.time()) return entry;
    this.#entries.delete(key);
    return undefined;
  }

  #set(key: string, value: string, ttlMs: number | undefined): void {
    const expiresAtMs = ttlMs === undefined ? Number.POSITIVE_INFINITY : this.#clock.time() + ttlMs;
    this.#entries.set(key, { value, expiresAtMs });
  }

  /** Records nobody asks for again would pile up; once a second, what has expired goes. */
  #sweep(): void {
    const now = this.#clock.time();
    if (now < this.#nextSweepAtMs) return;
    this.#nextSweepAtMs = now + 1000;
    for (const [key, entry] of this.#entries) {
      if (entry.expiresAtMs <= now) this.#entries.delete(key);
    }
  }
}

function statusOf(record: string | undefined): 'committed' | 'rolled_back' | undefined {
  if (record?.startsWith('committed')) return 'committed';
  if (record?.startsWith('rolled_back')) return 'rolled_back';
  return undefined;
}

/** @throws InvariantViolationError where a participant decides. */
function mayDecide(announced: string | undefined): boolean {
  if (!announced?.startsWith('pending@')) return announced !== undefined;
  throw new InvariantViolationError('A participant decides what was to be decided here.');
}
