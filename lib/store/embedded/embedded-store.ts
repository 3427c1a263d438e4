import { StoreUnavailableError } from '../../errors/index.js';
import type { Clock } from '../clock.js';
import { tagOfSlot } from '../hash-slot.js';
import { parseStoredItem } from '../stored-item.js';
import { recordKeyOf, type TransactionAddress } from '../transaction-address.js';
import type {
  FencedOutcome,
  OnePhaseCommit,
  OnePhaseReply,
  ReadReply,
  RecordedOutcome,
  RecordLifetime,
  VersionedStore,
} from '../versioned-store.js';
import { judgeCommit, type Writes } from './judge-commit.js';

export interface EmbeddedStoreOptions {
  readonly name: string;
  readonly clock: Clock;
  readonly lifetime: RecordLifetime;
}

interface Entry {
  readonly value: string;
  readonly expiresAtMs: number;
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
  readonly #clock: Clock;
  readonly #lifetime: RecordLifetime;
  readonly #entries = new Map<string, Entry>();
  #moment = 0;
  #operations = 0;
  #nextSweepAtMs = 0;

  constructor(options: EmbeddedStoreOptions) {
    this.name = options.name;
    this.#clock = options.clock;
    this.#lifetime = options.lifetime;
  }

  async open(): Promise<void> {}

  nodeOf(): string {
    return this.name;
  }

  homeOf(): string {
    return tagOfSlot(0);
  }

  toNodeTime(localMs: number): number {
    return localMs - this.#clock.now() + this.#clock.time();
  }

  async read(keys: readonly string[]): Promise<ReadReply> {
    await this.#takeTurn();
    const items = keys.map((key) => {
      const value = this.#get(key);
      return value === undefined ? undefined : parseStoredItem(value);
    });
    return { items, moment: ++this.#moment };
  }

  async commitOnePhase(commit: OnePhaseCommit): Promise<OnePhaseReply> {
    await this.#takeTurn();
    if (commit.withdrawn) throw new StoreUnavailableError('The time of the call is over.');
    this.#sweep();
    commit.sent = true;
    const recordKey = recordKeyOf(commit.address);
    const record = this.#get(recordKey);
    if (record?.startsWith('committed')) return { status: 'committed', commitCounts: new Map() };
    if (record?.startsWith('rolled_back')) return { status: 'rolled_back' };
    const now = Math.floor(this.#clock.time());
    const { deadlineAtMs } = commit.address;
    const { longestTimeoutMs, marginMs } = this.#lifetime;
    if (now >= deadlineAtMs || deadlineAtMs > now + longestTimeoutMs + marginMs) {
      return { status: 'deadline', nodeTimeMs: now };
    }
    const verdict = judgeCommit(commit, (key) => this.#get(key));
    if (verdict.reply.status !== 'committed') return verdict.reply;
    const text = `committed|{"decidedAt":${now},${commit.record}}`;
    this.#set(recordKey, text, deadlineAtMs - now + this.#keepMs);
    this.#apply(verdict.writes);
    return verdict.reply;
  }

  async fence(address: TransactionAddress): Promise<FencedOutcome> {
    const key = recordKeyOf(address);
    const status = statusOf(this.#get(key));
    if (status !== undefined) return status;
    const now = Math.floor(this.#clock.time());
    if (now >= address.deadlineAtMs + this.#lifetime.marginMs) return 'forgotten';
    const ttlMs = Math.max(address.deadlineAtMs - now, 0) + this.#keepMs;
    this.#set(key, `rolled_back|{"decidedAt":${now}}`, ttlMs);
    return 'rolled_back';
  }

  async outcome(address: TransactionAddress): Promise<RecordedOutcome> {
    const status = statusOf(this.#get(recordKeyOf(address)));
    if (status !== undefined) return status;
    const forgottenAtMs = address.deadlineAtMs + this.#lifetime.marginMs;
    return this.#clock.time() < forgottenAtMs ? 'undecided' : 'expired';
  }

  async ping(): Promise<void> {}

  async close(): Promise<void> {}

  /** Forgets everything, as between two tests. */
  clear(): void {
    this.#entries.clear();
  }

  /** Puts a value under a key as another program would. */
  setForeign(key: string, value: string): void {
    this.#set(key, value, undefined);
  }

  /** The text under a key, as another program would see it. */
  peekRaw(key: string): string | undefined {
    return this.#get(key);
  }

  #takeTurn(): Promise<void> | undefined {
    if (++this.#operations % OPERATIONS_PER_TURN > 0) return undefined;
    return new Promise((resolve) => setImmediate(resolve));
  }

  get #keepMs(): number {
    return this.#lifetime.marginMs + this.#lifetime.retentionMs;
  }

  #apply(writes: Writes): void {
    for (const { key, value, ttlMs } of writes) {
      if (value === undefined) this.#entries.delete(key);
      else this.#set(key, value, ttlMs);
    }
  }

  #get(key: string): string | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    if (entry.expiresAtMs > this.#clock.time()) return entry.value;
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
