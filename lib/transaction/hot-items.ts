import type { CommitResult } from '../commit/commit-request.js';
import type { Clock } from '../store/clock.js';
import type { StoredItem } from '../store/stored-item.js';
import { ABSENT_VERSION, ANY_ABSENCE, isAbsence, nextVersion, writerOf } from '../store/version.js';
import type { CommitItem } from '../store/versioned-store.js';
import { HotItem, type HotUse } from './hot-item.js';
import type { Random } from './random.js';
import { SharedItems, type SharedStore } from './shared-items.js';

export interface HotItemsOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** What the ids of all transactions of this process begin with. */
  readonly processTag: string;
  /** Where processes take turns on what several of them want; undefined where they cannot. */
  readonly shared?: SharedStore | undefined;
}

/** What was seen of contention since the start. */
export interface ContentionCounts {
  /** Items that are waited for in turn at the moment. */
  readonly hotItems: number;
  /** Commits that lost against another transaction, by what was found. */
  readonly conflicts: number;
  /** Of these, the ones that were found without asking the store. */
  readonly foundHere: number;
  /** How often a transaction waited for its turn on an item, and for how long in all, in milliseconds. */
  readonly waits: number;
  readonly waitedMs: number;
  /** Values that a transaction was given before their commit was answered, or without asking the store. */
  readonly handOvers: number;
  /** Commits that failed while others built on them. */
  readonly brokenChains: number;
  /** How often this process had the turn on what others want, too, and for how long it waited in all, in milliseconds. */
  readonly processTurns: number;
  readonly processTurnWaitedMs: number;
}

/** An item that nobody contends for any more is like any other after so long. */
const COOL_MS = 1000;
/** Whoever has the turn for so long while others wait loses it. */
const LEASE_MS = 50;
const MOST_ITEMS = 10_000;
/** The longest pause after a loss against another process, doubled for each loss in a row. */
const FIRST_PAUSE_MS = 0.5;
const LONGEST_PAUSE_MS = 16;

/**
 * The items that transactions of this process contend for. Who wants one waits in memory for his turn, and starts
 * from what his predecessor has just sent, whose commit goes over the same connection before his own.
 *
 * It only saves conflicts. Every commit still has its versions checked by the store: a turn that is lost, a value
 * that was never committed, and a change of another process cost a retry, and nothing else. A version names its
 * writer, so no two values of an item ever share one.
 *
 * H1 Only a sent commit hands its values over, to transactions that validate everything they read.
 * H2 Once a commit has failed, nobody builds on its items before all that is under way on them is answered.
 * H3 Nobody waits in a circle, nor longer than a lease for one that has the turn.
 * H4 The elder call has the next turn.
 */
export class HotItems {
  readonly #counts = {
    conflicts: 0,
    foundHere: 0,
    waits: 0,
    waitedMs: 0,
    handOvers: 0,
    brokenChains: 0,
  };
  readonly #options: HotItemsOptions;
  readonly #items = new Map<string, HotItem>();
  readonly #waitedFor = new Set<HotItem>();
  readonly #shared: SharedItems | undefined;
  #isWatching = false;

  constructor(options: HotItemsOptions) {
    this.#options = options;
    this.#shared =
      options.shared &&
      new SharedItems({
        ...options,
        ...options.shared,
        learn: (key, stood) => this.learn(key, stood),
        passOn: (item) => this.#passOn(item),
      });
  }

  get counts(): ContentionCounts {
    const { turns = 0, waitedMs = 0 } = this.#shared?.counts ?? {};
    return {
      hotItems: this.#items.size,
      ...this.#counts,
      processTurns: turns,
      processTurnWaitedMs: waitedMs,
    };
  }

  /** Nobody contends for anything, so there is nothing to ask. */
  get isQuiet(): boolean {
    return this.#items.size === 0;
  }

  isHot(key: string): boolean {
    return this.#items.has(key);
  }

  /** Resolves when it is this transaction's turn on all of these items; undefined where it is already. */
  take(use: HotUse, keys: readonly string[]): Promise<void> | undefined {
    // H3: in one order for all; whoever holds items already may be waited for by others.
    const hot = keys.filter((key) => this.#items.has(key)).toSorted();
    return hot.length === 0 ? undefined : this.#takeInOrder(use, hot);
  }

  /** H1, H2: what stands there, or will as soon as what was sent arrives; undefined where the store has to be asked. */
  known(use: HotUse, key: string): StoredItem | undefined {
    const item = this.#items.get(key);
    if (item === undefined || item.isBroken || item.known === undefined) return undefined;
    this.#counts.handOvers++;
    const { item: stood, from } = item.known;
    if (from !== undefined && from.flying.length > 0) (use.builtOn ??= []).push(from);
    return stood;
  }

  /** What the store says, as long as nothing is under way that will change it. */
  learn(key: string, stood: StoredItem | undefined): void {
    const item = this.#items.get(key);
    if (item === undefined || item.inFlight > 0) return;
    const isValue = stood !== undefined && stood.lock === undefined && !isAbsence(stood.version);
    item.known = isValue ? { item: stood, from: undefined } : undefined;
    if (isValue) this.#shared?.seen(item, stood);
  }

  /** The first item that cannot stand any more as this transaction has seen it: its commit need not be sent. */
  findStale(items: readonly CommitItem[]): { index: number; found: string } | undefined {
    for (const [index, { key, expected }] of items.entries()) {
      const item = this.#items.get(key);
      if (item === undefined || expected === undefined || expected === ANY_ABSENCE) continue;
      const isStale = item.known !== undefined && item.known.item.version !== expected;
      const isLost = item.failed.has(writerOf(expected) ?? '');
      if (!isStale && !isLost) continue;
      this.#counts.foundHere++;
      return { index, found: item.known?.item.version ?? ABSENT_VERSION };
    }
    return undefined;
  }

  /** H1: the commit is on its way, and others may follow it. */
  sent(use: HotUse, items: readonly CommitItem[]): void {
    for (const item of items) {
      const hot = item.change === undefined ? undefined : this.#items.get(item.key);
      if (hot === undefined) continue;
      hot.inFlight++;
      const value = valueAfter(item, use.id);
      hot.known = value && { item: value, from: use };
      use.flying.push(hot);
    }
    this.#giveUpTurns(use);
  }

  /** H2 */
  answered(use: HotUse, isCommitted: boolean): void {
    const { flying } = use;
    if (flying.length === 0) return;
    use.land();
    for (const item of flying) {
      if (item.answer(use.id, isCommitted)) this.#counts.brokenChains++;
      this.#passOn(item);
    }
    this.#shared?.settled();
  }

  /** A commit was answered, whosever it was: what it was refused for is contended. */
  concluded(result: CommitResult, items: readonly CommitItem[]): void {
    if (result.status !== 'conflict' && result.status !== 'locked') return;
    const item = items[result.index];
    if (item !== undefined) this.#contended(item.key, result.found);
  }

  #contended(key: string, found: string): void {
    this.#counts.conflicts++;
    const now = this.#options.clock.now();
    const item = this.#items.get(key) ?? this.#add(key);
    if (item === undefined) return;
    item.contendedAt = now;
    item.known = item.inFlight > 0 ? item.known : undefined;
    const winner = writerOf(found);
    // Who builds on a lost commit has lost nothing more.
    if (winner === undefined || winner.startsWith(this.#options.processTag)) return;
    if (this.#shared === undefined) this.#pause(item, now);
    else this.#shared.lost(item);
  }

  /** What another process does cannot be waited for. */
  #pause(item: HotItem, now: number): void {
    if (item.pauseUntil > now) return;
    const longest = Math.min(FIRST_PAUSE_MS * 2 ** item.losses++, LONGEST_PAUSE_MS);
    item.pauseUntil = now + longest * this.#options.random();
    this.#options.clock.schedule(Math.ceil(item.pauseUntil - now), () => this.#passOn(item), {
      background: true,
    });
  }

  /** What was written otherwise than by one sent step: the store has to be asked. */
  overwritten(items: readonly CommitItem[]): void {
    for (const { key, change } of items) {
      const item = change === undefined ? undefined : this.#items.get(key);
      if (item !== undefined) item.known = undefined;
    }
  }

  /** The transaction is over, whatever became of it. */
  leave(use: HotUse): void {
    use.isOver = true;
    use.builtOn = undefined;
    if (use.waitingFor !== undefined) use.waitingFor.forget(use);
    this.#giveUpTurns(use);
    this.answered(use, false);
  }

  #takeInOrder(use: HotUse, keys: readonly string[]): Promise<void> | undefined {
    for (const [nth, key] of keys.entries()) {
      const item = this.#items.get(key);
      if (item === undefined || item.holder === use || use.isOver) continue;
      const now = this.#options.clock.now();
      if (item.isFree(now) && this.#allows(item, use)) item.give(use, now);
      else if (!wouldCircle(use, item)) {
        return this.#wait(use, item).then(() => this.#takeInOrder(use, keys.slice(nth + 1)));
      }
    }
    return undefined;
  }

  #wait(use: HotUse, item: HotItem): Promise<void> {
    const { clock } = this.#options;
    const since = clock.now();
    item.contendedAt = since;
    this.#waitedFor.add(item);
    this.#watch();
    this.#shared?.want(item);
    return new Promise((resolve) => {
      item.enqueue(use, () => {
        this.#counts.waits++;
        this.#counts.waitedMs += clock.now() - since;
        resolve();
      });
    });
  }

  #giveUpTurns(use: HotUse): void {
    const { held } = use;
    if (held.length === 0) return;
    use.held = [];
    for (const item of held) {
      if (item.holder !== use) continue;
      item.holder = undefined;
      this.#passOn(item);
    }
  }

  #passOn(item: HotItem): void {
    const now = this.#options.clock.now();
    if (item.hasWaiters) item.passOn(now, (use) => this.#allows(item, use));
    if (item.hasWaiters) this.#shared?.want(item);
    else this.#waitedFor.delete(item);
    if (item.isIdle && now - item.contendedAt > COOL_MS) this.#forget(item);
  }

  #allows(item: HotItem, use: HotUse): boolean {
    return this.#shared === undefined || this.#shared.allows(item, use);
  }

  /** H3: as long as anybody waits. */
  #watch(): void {
    if (this.#isWatching) return;
    this.#isWatching = true;
    this.#options.clock.schedule(
      LEASE_MS / 2,
      () => {
        this.#isWatching = false;
        const now = this.#options.clock.now();
        for (const item of this.#waitedFor) {
          item.endLease(now - LEASE_MS);
          this.#passOn(item);
        }
        if (this.#waitedFor.size > 0) this.#watch();
      },
      { background: true },
    );
  }

  #add(key: string): HotItem | undefined {
    if (this.#items.size >= MOST_ITEMS) this.#sweep();
    if (this.#items.size >= MOST_ITEMS) return undefined;
    const item = new HotItem(key);
    this.#items.set(key, item);
    if (this.#items.size % 256 === 0) this.#sweep();
    return item;
  }

  #sweep(): void {
    const coldSince = this.#options.clock.now() - COOL_MS;
    for (const item of this.#items.values()) {
      if (item.isIdle && item.contendedAt < coldSince) this.#forget(item);
    }
  }

  #forget(item: HotItem): void {
    this.#items.delete(item.key);
    this.#shared?.forget(item);
  }
}

/** What stands once the change is committed; undefined where that depends on more than the change. */
function valueAfter({ change, expected }: CommitItem, writer: string): StoredItem | undefined {
  if (change?.kind !== 'write' || expected === undefined || expected === ANY_ABSENCE)
    return undefined;
  const { counters, payload } = change;
  const version = nextVersion(expected, writer);
  return { kind: 'item', version, lock: undefined, counters, payload };
}

/** H3: whether whoever has the turn waits, perhaps through others, for what this one has. */
function wouldCircle(use: HotUse, item: HotItem): boolean {
  if (use.held.length === 0) return false;
  const seen = new Set<HotUse>();
  for (let holder = item.holder; holder !== undefined; holder = holder.waitingFor?.holder) {
    if (holder === use) return true;
    if (seen.has(holder)) return true;
    seen.add(holder);
  }
  return false;
}
