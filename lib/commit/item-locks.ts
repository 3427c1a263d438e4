import { InvariantViolationError, StoreUnavailableError } from '../errors/index.js';
import { pause, type Clock } from '../store/clock.js';
import { groupBy } from '../store/group-by.js';
import { isPlaceholder, parseLock, seenVersionOf } from '../store/lock.js';
import type { StoredItem } from '../store/stored-item.js';
import { printAddress, type TransactionAddress } from '../store/transaction-address.js';
import { isExpected } from '../store/version.js';
import {
  CommitReplyLostError,
  type CommitItem,
  type PrepareReply,
  type PrepareRequest,
  type ReadReply,
  type VersionedStore,
} from '../store/versioned-store.js';
import type { CommitRefusal } from './commit-request.js';
import { unchangedIn, type PlacedItem } from './commit-plan.js';
import type { FinishingWork } from './finishing-work.js';
import type { InstanceJournal } from './instance-journal.js';
import type { LockSettler } from './lock-settler.js';
import { printRecord, type RecordedCall } from './transaction-record.js';

/** What locks need of the coordinator. */
export interface LockEnvironment {
  readonly store: VersionedStore;
  readonly clock: Clock;
  /** Numbers in [0, 1). */
  readonly random: () => number;
  readonly journal: InstanceJournal;
  readonly finishing: FinishingWork;
  readonly settler: LockSettler;
}

/** The transaction that takes locks. Times are local monotonic milliseconds. */
export interface LockOwner {
  readonly address: TransactionAddress;
  readonly call: RecordedCall;
  /** When its call began. */
  readonly startedAt: number;
  readonly until: number;
}

export type LockableItem = Pick<PlacedItem, 'key' | 'node'>;

/** An item that somebody else held until patience was over, and the version that was found. */
export interface LockRefusal {
  readonly key: string;
  readonly found: string;
}

/** How long whoever holds items waits for those of another node, in milliseconds. */
const PATIENCE_MS = 1000;
/** The same where it holds items that it took before, in an order of its own. */
const PATIENCE_OUT_OF_ORDER_MS = 50;
/** Between two tries, for a call that has just begun. */
const LONGEST_PAUSE_MS = 4;

/**
 * The items that one transaction holds before it commits, so that nobody else changes them meanwhile: the locks
 * of the two-phase commit, taken before the work is done (docs/protocol.md, "Locks before the work").
 *
 * K1 Whatever stands is locked, and then read; the commit holds what it expects against what was locked.
 * K2 Nodes are locked in one order for all. Who holds something waits for more only for a while, so that
 *    nobody waits in a circle for long.
 * K3 The journal names the locks before the transaction can be decided, and its record says that it is rolled
 *    back before they are removed.
 */
export class ItemLocks {
  readonly #environment: LockEnvironment;
  readonly #owner: LockOwner;
  readonly #name: string;
  /** `<version>*<lock>` by key. */
  readonly #heads = new Map<string, string>();
  /** What may be held. */
  readonly #keys = new Set<string>();
  /** Values of others, which cannot be locked. */
  readonly #foreign = new Set<string>();
  #taking: Promise<unknown> = Promise.resolve();
  #isOver = false;

  constructor(environment: LockEnvironment, owner: LockOwner) {
    this.#environment = environment;
    this.#owner = owner;
    this.#name = printAddress(owner.address);
  }

  /** The head under which the item is held; undefined where it is not. */
  headOf(key: string): string | undefined {
    return this.#heads.get(key);
  }

  /** Whether there is nothing left to take of these. */
  covers(items: readonly LockableItem[]): boolean {
    return items.every(({ key }) => this.#heads.has(key) || this.#foreign.has(key));
  }

  /**
   * Holds these items as well; undefined once it does, or once the transaction is over.
   * @throws StoreUnavailableError, StoreRefusedError
   */
  take(items: readonly LockableItem[]): Promise<LockRefusal | undefined> {
    const taken = this.#taking.then(() => this.#take(items));
    this.#taking = taken.catch(() => undefined);
    return taken;
  }

  /** A reply as if the own locks were not there. */
  withoutOwn(reply: ReadReply): ReadReply {
    if (!reply.locked) return reply;
    const items = reply.items.map((item) =>
      item?.kind === 'item' && this.#isOwn(item) ? unlocked(item) : item,
    );
    const locked = items.some((item) => item?.kind === 'item' && item.lock !== undefined);
    return { ...reply, items, locked };
  }

  /** K1: the first item that was locked at another version than the transaction has seen or expects. */
  refusalOf(items: readonly CommitItem[]): CommitRefusal | undefined {
    for (const [index, { key, expected }] of items.entries()) {
      const head = this.#heads.get(key);
      if (head === undefined || expected === undefined) continue;
      const found = this.versionOf(key)!;
      if (!isExpected(expected, found)) return { status: 'conflict', index, found };
    }
    return undefined;
  }

  /** The version at which an item was locked; undefined for one that is not held. */
  versionOf(key: string): string | undefined {
    const head = this.#heads.get(key);
    if (head === undefined) return undefined;
    const star = head.indexOf('*');
    const [version, lock] = [head.slice(0, star), head.slice(star + 1)];
    return seenVersionOf({ kind: 'item', version, lock, counters: '', payload: '' });
  }

  /** The items of a commit that its locks do not vouch for. */
  unheld<I extends CommitItem>(items: readonly I[]): readonly I[] {
    return items.filter(({ key }) => !this.#heads.has(key));
  }

  /** The items as the step that decides has to find them. */
  held<I extends CommitItem>(items: readonly I[]): readonly I[] {
    return items.map((item) => {
      const held = this.#heads.get(item.key);
      return held === undefined ? item : { ...item, held };
    });
  }

  /** What may be held; whoever asks releases it. */
  handOver(): readonly string[] {
    this.#isOver = true;
    return [...this.#keys];
  }

  /** The transaction is committed, which has taken the locks off what it changed; the others follow. */
  committed(items: readonly CommitItem[]): void {
    if (this.#isOver) return;
    const { finishing, store } = this.#environment;
    const keys = unchangedIn(items, this.handOver());
    finishing.release(store, { address: this.#owner.address, keys });
  }

  /** K3: the transaction is not going to commit. */
  async rollBack(until: number): Promise<void> {
    if (this.#isOver) return;
    const { finishing, store } = this.#environment;
    const keys = this.handOver();
    await finishing.rollBack(store, { address: this.#owner.address, keys }, until);
  }

  /** Nobody knows what became of the transaction. */
  settle(): void {
    const { finishing, store } = this.#environment;
    finishing.settle(store, { address: this.#owner.address, keys: this.handOver() });
  }

  async #take(items: readonly LockableItem[]): Promise<LockRefusal | undefined> {
    const wanted = items.filter((item) => !this.covers([item]));
    if (wanted.length === 0) return undefined;
    const patienceMs = this.#keys.size === 0 ? PATIENCE_MS : PATIENCE_OUT_OF_ORDER_MS;
    const noting = this.#note(wanted);
    // What comes late must find a record that says so; see T6 of the two-phase commit.
    if (this.#environment.store.announcesFirst(this.#owner.address)) await noting;
    noting.catch(() => undefined);
    const nodes = [...groupBy(wanted, ({ node }) => node)];
    // K2
    for (const [, own] of nodes.toSorted(([one], [other]) => (one < other ? -1 : 1))) {
      const refusal = await this.#takeNode(own, patienceMs);
      if (refusal !== undefined) return refusal;
    }
    await noting;
    return undefined;
  }

  /** K3 */
  async #note(items: readonly LockableItem[]): Promise<void> {
    const { store, journal } = this.#environment;
    const { address, call, until } = this.#owner;
    const isFirst = this.#keys.size === 0;
    for (const { key } of items) this.#keys.add(key);
    const entering = journal.enter(store, { address, keys: [...this.#keys] }, until);
    if (isFirst && store.announcesFirst(address)) {
      const record = printRecord(call, []);
      const bare = { address, record, decider: undefined, branches: [], redo: undefined };
      // Where it is refused, nothing can be decided any more, and the commit is told so.
      await Promise.all([entering, store.announce(bare, until)]);
    } else await entering;
  }

  async #takeNode(
    items: readonly LockableItem[],
    patienceMs: number,
  ): Promise<LockRefusal | undefined> {
    const { store, settler, clock } = this.#environment;
    const { address, until } = this.#owner;
    const end = this.#heads.size === 0 ? until : Math.min(until, clock.now() + patienceMs);
    let wanted = items;
    while (wanted.length > 0) {
      const request = { address, marked: false, items: wanted.map(({ key }) => new AnyState(key)) };
      const reply = await this.#prepare(request);
      if (this.#isOver) {
        // What came late stands behind the roll back, which did not see it.
        this.settle();
        return undefined;
      }
      if (reply.status === 'prepared') {
        for (const [nth, { key }] of wanted.entries()) this.#heads.set(key, reply.heads[nth]!);
        return undefined;
      }
      const { key } = wanted[reply.index]!;
      if (reply.status === 'foreign') {
        this.#foreign.add(key);
        wanted = wanted.filter((item) => item.key !== key);
        continue;
      }
      if (reply.status !== 'locked') throw unexpected(reply.status);
      const pauseMs = this.#pauseMs();
      if (clock.now() + pauseMs >= end) return { key, found: reply.found };
      await settler.settleKeys(store, [key], until);
      await pause(clock, pauseMs);
    }
    return undefined;
  }

  /** Repeated where the reply is lost: it answers what it has answered before. */
  async #prepare(request: PrepareRequest): Promise<PrepareReply> {
    const { store, clock } = this.#environment;
    const { until } = this.#owner;
    for (;;) {
      try {
        return await store.prepare(request, until);
      } catch (error) {
        if (!(error instanceof CommitReplyLostError)) throw error;
        const pauseMs = this.#pauseMs();
        if (this.#isOver || clock.now() + pauseMs >= until) {
          throw new StoreUnavailableError(error.message, { cause: error });
        }
        await pause(clock, pauseMs);
      }
    }
  }

  /** The less time a call has left, the more often it looks, so that the elder has the better chance. */
  #pauseMs(): number {
    const { clock, random } = this.#environment;
    const { startedAt, until } = this.#owner;
    const left = Math.max(until - clock.now(), 0) / Math.max(until - startedAt, 1);
    return Math.ceil(LONGEST_PAUSE_MS * left * random());
  }

  #isOwn({ lock }: StoredItem): boolean {
    const holder = lock === undefined ? undefined : parseLock(lock)?.address;
    return holder !== undefined && printAddress(holder) === this.#name;
  }
}

function unlocked(item: StoredItem): StoredItem | undefined {
  return isPlaceholder(item) ? undefined : { ...item, lock: undefined };
}

/** Whatever stands there. */
class AnyState implements CommitItem {
  readonly expected = undefined;
  readonly change = undefined;

  constructor(readonly key: string) {}
}

function unexpected(status: string): InvariantViolationError {
  return new InvariantViolationError(
    `An item was to be locked as it stands, and was refused: ${status}.`,
  );
}
