import { randomInt } from 'node:crypto';
import { InvariantViolationError, StoreUnavailableError } from '../../errors/index.js';
import { drawIdentity, identityKey, isIdentity, isOwnHome } from '../cache-identity.js';
import type { Cancel, Clock } from '../clock.js';
import { tagOfSlot } from '../hash-slot.js';
import type { Journal } from '../journal.js';
import {
  judgeApply,
  judgePrepare,
  judgeRelease,
  placeholderVersion,
  type Entry,
  type Replacement,
} from '../judge/judge-locks.js';
import { isPlaced } from '../placed-key.js';
import { recordKeyOf, type TransactionAddress } from '../transaction-address.js';
import {
  CommitReplyLostError,
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
import { isOverAt, parseExpiring, parseExpiringItem, type ExpiringText } from './expiring-text.js';
import type { SingleKeyCache } from './single-key-cache.js';
import { SingleKeyJournal } from './single-key-journal.js';
import { SingleKeyRecords } from './single-key-records.js';
import { SingleKeySteps } from './single-key-steps.js';

export interface SingleKeyStoreOptions {
  readonly name: string;
  readonly cache: SingleKeyCache;
  readonly clock: Clock;
  readonly lifetime: RecordLifetime;
  /** How long `open`, `sweep` may take, in milliseconds. @default 10_000 */
  readonly connectTimeoutMs?: number;
}

const SWEEP_EVERY_MS = 60_000;

/**
 * A store over a cache that can compare and set one key at a time. Every key is a node of its own, so a
 * transaction is announced first, holds everything that it writes, and is decided by its record alone.
 */
export class SingleKeyStore implements VersionedStore {
  readonly name: string;
  readonly spansNodes = true;
  readonly journal: Journal;
  readonly #cache: SingleKeyCache;
  readonly #clock: Clock;
  readonly #lifetime: RecordLifetime;
  readonly #connectTimeoutMs: number;
  readonly #steps: SingleKeySteps;
  readonly #records: SingleKeyRecords;
  #identity: string | undefined;
  #cancelSweep: Cancel = () => undefined;
  #moment = 0;
  #isClosed = false;

  constructor(options: SingleKeyStoreOptions) {
    const { name, cache, clock, lifetime } = options;
    this.name = name;
    this.#cache = cache;
    this.#clock = clock;
    this.#lifetime = lifetime;
    this.#connectTimeoutMs = options.connectTimeoutMs ?? 10_000;
    this.#steps = new SingleKeySteps(cache, clock);
    this.#records = new SingleKeyRecords(this.#steps, clock, lifetime);
    this.journal = new SingleKeyJournal(this.#steps, clock);
  }

  get keepsRecords(): boolean {
    return this.#cache.mayEvict !== true;
  }

  async open(): Promise<void> {
    const until = this.#clock.now() + this.#connectTimeoutMs;
    await this.#cache.open(until);
    await this.identity(until);
    this.#sweepLater();
  }

  nodeOf(key: string): string {
    return `${this.name}/${key}`;
  }

  recordNodeOf(address: TransactionAddress): string {
    return this.nodeOf(recordKeyOf(address));
  }

  announcesFirst(): boolean {
    return true;
  }

  isHome(address: TransactionAddress, until: number): Promise<boolean> {
    return isOwnHome(this, address, until);
  }

  holds(key: string): boolean {
    return !isPlaced(key);
  }

  homeOf(): string {
    return tagOfSlot(0);
  }

  /** By the clock of this machine, since the cache has none; only liveness rests on it. */
  toNodeTime(localMs: number): number {
    return localMs - this.#clock.now() + this.#clock.time();
  }

  async read(keys: readonly string[], until: number): Promise<ReadReply> {
    const found = await this.#steps.read(keys, until);
    const nowMs = this.#clock.time();
    const items = found.map((seen) =>
      seen === undefined ? undefined : parseExpiringItem(seen.text, nowMs),
    );
    const locked = items.some((item) => item?.kind === 'item' && item.lock !== undefined);
    return { items, moment: keys.length > 1 ? undefined : ++this.#moment, locked };
  }

  async commitOnePhase(commit: OnePhaseCommit, until: number): Promise<OnePhaseReply> {
    if (commit.items.length > 0) {
      throw new InvariantViolationError(`No step of ${this.#cache.kind} decides beside items.`);
    }
    return this.#records.decide(commit, until);
  }

  async prepare(request: PrepareRequest, until: number): Promise<PrepareReply> {
    const heads: string[] = [];
    for (const [index, item] of request.items.entries()) {
      const single = { ...request, items: [item] };
      const reply = await this.#known(() =>
        this.#steps.step<PrepareReply>(item.key, until, (raw) => {
          const entry = this.#entryOf(raw);
          if (entry === 'foreign') return { reply: { status: 'foreign', index: 0 } };
          const verdict = judgePrepare(single, () => entry, this.#drawPlaceholder());
          return { reply: verdict.reply, write: writeOf(verdict.replacements[0]) };
        }),
      );
      if (reply.status !== 'prepared') return { ...reply, index };
      heads.push(...reply.heads);
    }
    return { status: 'prepared', heads };
  }

  apply(
    address: TransactionAddress,
    items: readonly HeldItem[],
    until: number,
  ): Promise<readonly AppliedStatus[]> {
    const at = { tombstoneMs: tombstoneMsOf(this.#lifetime) };
    return this.#each(items, (item) =>
      this.#steps.step<AppliedStatus>(item.key, until, (raw) => {
        const entry = this.#entryOf(raw);
        if (entry === 'foreign') return { reply: 'passed' };
        const nowMs = this.#clock.time();
        const { status, replacement } = judgeApply(item, address, entry, { nowMs, ...at });
        return { reply: status, write: writeOf(replacement) };
      }),
    );
  }

  async release(
    address: TransactionAddress,
    keys: readonly string[],
    until: number,
  ): Promise<void> {
    await this.#each(keys, (key) =>
      this.#steps.step<void>(key, until, (raw) => {
        const entry = this.#entryOf(raw);
        if (entry === 'foreign') return { reply: undefined };
        const replacement = judgeRelease(key, address, entry, this.#clock.time());
        return { reply: undefined, write: writeOf(replacement) };
      }),
    );
  }

  announce(pending: PendingTransaction, until: number): Promise<AnnounceReply> {
    return this.#known(() => this.#records.announce(pending, until));
  }

  conclude(
    address: TransactionAddress,
    outcome: 'committed' | 'rolled_back',
    until: number,
  ): Promise<FencedOutcome> {
    return this.#known(() => this.#records.conclude(address, outcome, until));
  }

  async identity(until: number): Promise<string> {
    this.#identity ??= await this.#known(() =>
      this.#steps.step<string>(identityKey(), until, (raw) => {
        const text = parseExpiring(raw)?.text;
        if (isIdentity(text)) return { reply: text };
        const drawn = drawIdentity();
        return { reply: drawn, write: { text: drawn, expiresAtMs: Number.POSITIVE_INFINITY } };
      }),
    );
    return this.#identity;
  }

  record(address: TransactionAddress, until: number): Promise<TransactionRecord | undefined> {
    return this.#records.record(address, until);
  }

  retire(address: TransactionAddress, until: number): Promise<void> {
    return this.#known(() => this.#records.retire(address, until));
  }

  fence(address: TransactionAddress, until: number): Promise<FencedOutcome | 'pending'> {
    return this.#known(() => this.#records.fence(address, until));
  }

  outcome(address: TransactionAddress, until: number): Promise<RecordedOutcome> {
    return this.#records.outcome(address, until);
  }

  ping(until: number): Promise<void> {
    return this.#cache.ping(until);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelSweep();
    await this.#cache.close();
  }

  /** Waits for all of them, also where one fails: what is under way must not outlive the call. */
  async #each<T, R>(all: readonly T[], step: (one: T) => Promise<R>): Promise<R[]> {
    return this.#known(async () => {
      const settled = await Promise.allSettled(all.map(step));
      return settled.map((result) => {
        if (result.status === 'rejected') throw result.reason;
        return result.value;
      });
    });
  }

  /** Only a commit may tell that its reply was lost; every other step may simply be repeated. */
  async #known<R>(step: () => Promise<R>): Promise<R> {
    try {
      return await step();
    } catch (error) {
      if (!(error instanceof CommitReplyLostError)) throw error;
      throw new StoreUnavailableError(`${this.#cache.kind} did not answer in time.`, {
        cause: error,
      });
    }
  }

  /** No other step of anybody gives the same. */
  #drawPlaceholder(): string {
    const timeUs = Math.floor(this.#clock.time() * 1000);
    return placeholderVersion(timeUs) + String(randomInt(1e9)).padStart(9, '0');
  }

  #entryOf(raw: string | undefined): Entry | 'foreign' | undefined {
    if (raw === undefined) return undefined;
    const item = parseExpiringItem(raw, this.#clock.time());
    if (item === undefined || item.kind === 'foreign') return item && 'foreign';
    const { text: value, expiresAtMs } = parseExpiring(raw)!;
    return { value, expiresAtMs };
  }

  #sweepLater(): void {
    if (this.#cache.sweep === undefined || this.#isClosed) return;
    const sweep = (): void => {
      const isOver = (raw: string): boolean => isOverAt(raw, this.#clock.time());
      const again = (): void => this.#sweepLater();
      this.#cache.sweep?.(isOver, this.#clock.now() + this.#connectTimeoutMs).then(again, again);
    };
    this.#cancelSweep = this.#clock.schedule(SWEEP_EVERY_MS, sweep, { background: true });
  }
}

function writeOf(replacement: Replacement | undefined): ExpiringText | 'remove' | undefined {
  if (replacement === undefined) return undefined;
  const { entry } = replacement;
  return entry === undefined ? 'remove' : { text: entry.value, expiresAtMs: entry.expiresAtMs };
}
