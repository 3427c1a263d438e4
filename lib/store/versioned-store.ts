import type { Journal } from './journal.js';
import type { ForeignValue, StoredItem } from './stored-item.js';
import type { TransactionAddress } from './transaction-address.js';
import type { TurnKeeper } from './turn-keeper.js';

/**
 * What a cache must offer, in the protocol's words. How it batches, connects and scripts is its own
 * matter. All times named `until` are local monotonic milliseconds (`Clock.now()`): a call that has
 * not been answered by then fails, and one that has not been sent by then never is.
 */
export interface VersionedStore {
  /** Whether it has nodes that no single step covers together. */
  readonly spansNodes: boolean;

  /** Whether what is written stays, so that records may lie here. Known once it is open. */
  readonly keepsRecords: boolean;

  /** Where instances note what their transactions hold. */
  readonly journal: Journal;

  /** Where processes take turns on what they contend for; undefined where the store has no such thing. */
  readonly turnKeeper?: TurnKeeper | undefined;

  /** The name it has in the module's options; `default` for the one of `redis`. */
  readonly name: string;

  /** Connects and checks the server. @throws StoreUnavailableError, StoreRefusedError */
  open(): Promise<void>;

  /** The node of an item: what one atomic step can cover. */
  nodeOf(key: string): string;

  /** The node of the record of a transaction; of no item where the step that decides covers none. */
  recordNodeOf(address: TransactionAddress): string;

  /**
   * Whether a transaction of this home is announced before anything is held: the step that decides covers no
   * item and knows no time, so an absent record has to mean that it is refused.
   */
  announcesFirst(address: TransactionAddress): boolean;

  /** Whether the record of a transaction lies here, and not in a cache that others know. */
  isHome(address: TransactionAddress, until: number): Promise<boolean>;

  /** Whether the item lies here, and not in a store that others know; see placed-key.ts. */
  holds(key: string): boolean;

  /** What has to be learnt before a home can be told; undefined where that is nothing, or was learnt. */
  learn?(until: number): Promise<void> | undefined;

  /** The tag of the home of a transaction over these items, the same for any order of them. */
  homeOf(keys: readonly string[]): string;

  /** Local monotonic time, told by the clock of the node of a home; of any node where none is given. */
  toNodeTime(localMs: number, home?: string): number;

  /**
   * Reads the items in order.
   * @param decides A decision about items elsewhere rests on it, so a node that may have been replaced must
   *   not answer it. Default: false.
   * @throws StoreUnavailableError, StoreRefusedError
   */
  read(keys: readonly string[], until: number, decides?: boolean): Promise<ReadReply>;

  /**
   * Checks and writes a whole transaction and its record in one atomic step on one node.
   *
   * A refusal leaves no record, and is taken at its word: the caller runs again, or is told that nothing
   * was written. So what has been answered must never be delivered again. A stale version never comes
   * back, but a lock goes, a bound is moved, an item is created, and then the step would be accepted. A
   * store behind something that may repeat commands has to `fence` before it answers a refusal.
   *
   * @throws CommitReplyLostError when the step may or may not have happened.
   * @throws DurabilityNotReachedError when it happened, and may yet be lost.
   * @throws StoreUnavailableError, StoreRefusedError when it certainly did not.
   */
  commitOnePhase(commit: OnePhaseCommit, until: number): Promise<OnePhaseReply>;

  /**
   * Phase one of two: checks and locks written items of one node in one atomic step, all or none.
   * Repeated for the same transaction it answers what it answered before.
   *
   * @throws CommitReplyLostError, StoreUnavailableError, StoreRefusedError: whether the locks stand is not
   *   known, and no matter; nothing is decided without them, and whoever is refused releases them.
   */
  prepare(request: PrepareRequest, until: number): Promise<PrepareReply>;

  /**
   * Phase two, once the transaction is committed: writes items of one node where they are still held
   * as they were prepared, and removes any other lock of the transaction on them. May be repeated by
   * anybody at any time.
   */
  apply(
    address: TransactionAddress,
    items: readonly HeldItem[],
    until: number,
  ): Promise<readonly AppliedStatus[]>;

  /**
   * Phase two, once the transaction is rolled back: removes its locks from items of one node, which
   * are as they were before. May be repeated by anybody at any time.
   */
  release(address: TransactionAddress, keys: readonly string[], until: number): Promise<void>;

  /**
   * Writes down a transaction before it is decided, for those outside of this process who have to find it
   * then. Refused past its deadline, and where its outcome is recorded; one that names what the items become
   * replaces one that does not, and never the other way round. May be repeated.
   *
   * @throws StoreUnavailableError, StoreRefusedError: whether it stands is not known.
   */
  announce(pending: PendingTransaction, until: number): Promise<AnnounceReply>;

  /**
   * Turns a record that waits for its decider into what that one has decided; answers what the record says
   * then. Changes no other record, and does not mind the deadline. May be repeated by anybody who knows.
   */
  conclude(
    address: TransactionAddress,
    outcome: 'committed' | 'rolled_back',
    until: number,
  ): Promise<FencedOutcome>;

  /**
   * Names this cache for ever, for those outside who hold something for its transactions: 8 to 16 letters
   * and digits, drawn by whoever asks first and kept in it.
   *
   * @throws StoreUnavailableError, StoreRefusedError
   */
  identity(until: number): Promise<string>;

  /** Reads a record; undefined where there is none. */
  record(address: TransactionAddress, until: number): Promise<TransactionRecord | undefined>;

  /** Everything that the record decides is done: from now on it expires like any other. */
  retire(address: TransactionAddress, until: number): Promise<void>;

  /**
   * Learns an outcome for good: one atomic step that reads the record and, where nothing is decided,
   * writes `rolled_back`, so that a late commit cannot happen any more. What a pending record tells of
   * branches stays in it, and then it stays until it is retired. A record that names a decider is left as
   * it is, and is `pending`.
   */
  fence(address: TransactionAddress, until: number): Promise<FencedOutcome | 'pending'>;

  /** Reads the recorded outcome and changes nothing. */
  outcome(address: TransactionAddress, until: number): Promise<RecordedOutcome>;

  /** Resolves when every node answers. @throws StoreUnavailableError, StoreRefusedError */
  ping(until: number): Promise<void>;

  /** Lets what was sent be answered, then closes what `open` opened, and nothing else. */
  close(): Promise<void>;
}

export interface ReadReply {
  /**
   * In the order of the keys; undefined where nothing stands. On a store that spans nodes an item that
   * was deleted a while ago is an absence with a version of its own.
   */
  readonly items: readonly (StoredItem | ForeignValue | undefined)[];
  /**
   * Names the atomic step that read them: items with the same moment existed together. Undefined
   * where one call took several steps.
   */
  readonly moment: number | undefined;
  /** Whether any of the items bears a lock. */
  readonly locked: boolean;
}

/** One bounded addition to one counter of an item. */
export interface CounterIncrement {
  /** The position of the counter in the item. */
  readonly index: number;
  readonly by: number;
  readonly min: number | undefined;
  readonly max: number | undefined;
}

export type ItemChange =
  | {
      readonly kind: 'write';
      readonly counters: string;
      readonly payload: string;
      readonly ttlMs: number | undefined;
    }
  | { readonly kind: 'delete' }
  | {
      readonly kind: 'increment';
      readonly increments: readonly CounterIncrement[];
      readonly ttlMs: number | undefined;
    };

/** What must hold for one item, and what becomes of it. */
export interface CommitItem {
  readonly key: string;
  /**
   * The version that must stand, `0` where nothing may, or `ANY_ABSENCE`. Undefined: whatever stands.
   * An increment never has one, a read and a delete always.
   */
  readonly expected: string | undefined;
  /** Instead of a version: the foreign value that must stand (adoption of older data). */
  readonly expectedForeign?: string;
  /**
   * Instead of a version: the head `<version>*<lock>` under which this transaction holds the item, as
   * `prepare` answered it.
   */
  readonly held?: string;
  /** Undefined for an item that was only read. */
  readonly change: ItemChange | undefined;
}

export interface OnePhaseCommit {
  readonly address: TransactionAddress;
  readonly items: readonly CommitItem[];
  /** What the record tells besides the outcome: JSON members, without the braces. */
  readonly record: string;
  /**
   * The items elsewhere that the commit decides about. Their record stays until it is retired, with
   * them in it, so that anybody can apply them.
   */
  readonly redo?: readonly HeldItem[];
  /** The branches that the commit decides about; with any, the record stays until it is retired. */
  readonly branches?: readonly RecordedBranch[];
  /** It was announced: where nothing is recorded it must not commit any more. Default: false. */
  readonly announced?: boolean;
  /** Set by the store at the moment from which on the step may happen. */
  sent: boolean;
  /** Set by the caller where it was not sent yet, and must not be any more. */
  withdrawn?: boolean;
}

export type OnePhaseReply =
  | {
      readonly status: 'committed';
      /** For items written without an expected version: how many commits they count now. */
      readonly commitCounts: ReadonlyMap<number, number>;
    }
  | ItemRefusal
  | { readonly status: 'rolled_back' }
  /** The deadline has passed, or lies too far off, by the node's clock. */
  | { readonly status: 'deadline'; readonly nodeTimeMs: number };

/** What an item has against a step. */
export type ItemRefusal =
  /** The index is that of the item; the version is what was found. */
  | { readonly status: 'conflict'; readonly index: number; readonly found: string }
  | { readonly status: 'locked'; readonly index: number; readonly found: string }
  | {
      readonly status: 'bound';
      readonly index: number;
      /** Which increment of the item, and the value it met. */
      readonly increment: number;
      readonly value: number;
    }
  | { readonly status: 'absent'; readonly index: number }
  /** The item has fewer counters than its entity declares. */
  | { readonly status: 'counters'; readonly index: number }
  | { readonly status: 'foreign'; readonly index: number };

export interface PrepareRequest {
  readonly address: TransactionAddress;
  /** Whether the transaction must still validate items after its locks stand. */
  readonly marked: boolean;
  /** Written items, all of one node. */
  readonly items: readonly CommitItem[];
}

export type PrepareReply =
  /** In the order of the items: the heads `<version>*<lock>` under which they are held now. */
  { readonly status: 'prepared'; readonly heads: readonly string[] } | ItemRefusal;

/** An item that a transaction holds, and what becomes of it when the transaction commits. */
export interface HeldItem {
  readonly key: string;
  /** `<version>*<lock>`, as `prepare` answered it. */
  readonly held: string;
  readonly change: ItemChange;
}

/** `passed`: neither the lock nor the transaction's own version stands; somebody has moved on. */
export type AppliedStatus = 'applied' | 'passed';

/** The part of a participant in a transaction, as its record tells it. */
export interface RecordedBranch {
  readonly participant: string;
  /** Tells the branches of one transaction apart. */
  readonly number: number;
  /** A JSON value; undefined where the participant needs none. */
  readonly payload: unknown;
}

export interface PendingTransaction {
  readonly address: TransactionAddress;
  /** As in a commit: JSON members, without the braces. */
  readonly record: string;
  /** The participant whose own commit decides; undefined where the record itself does. */
  readonly decider: string | undefined;
  readonly branches: readonly RecordedBranch[];
  /** What becomes of the items that are held; undefined as long as that is not known. */
  readonly redo: readonly HeldItem[] | undefined;
}

export type AnnounceReply =
  | { readonly status: 'announced' }
  | { readonly status: 'committed' | 'rolled_back' }
  /** The deadline has passed, or lies too far off, by the node's clock. */
  | { readonly status: 'deadline'; readonly nodeTimeMs: number };

export interface TransactionRecord {
  readonly status: 'pending' | 'committed' | 'rolled_back';
  /** Of a pending record: the participant who decides; undefined where nobody else does. */
  readonly decider: string | undefined;
  /** What a committed transaction decides about elsewhere; empty where that is nothing. */
  readonly redo: readonly HeldItem[];
  /** What is to be driven to the outcome; empty where that is nothing. */
  readonly branches: readonly RecordedBranch[];
}

/** `forgotten`: too long ago to conclude anything. */
export type FencedOutcome = 'committed' | 'rolled_back' | 'forgotten';

/** `expired`: the record's retention is over, or there never was one. */
export type RecordedOutcome = 'committed' | 'rolled_back' | 'undecided' | 'expired';

/** How long records live; the same for all stores. */
export interface RecordLifetime {
  /** The longest a deadline may lie ahead, in milliseconds: the largest allowed time-out. */
  readonly longestTimeoutMs: number;
  /** More than the clocks of a node and its replicas ever differ, in milliseconds. */
  readonly marginMs: number;
  /** How long a record stays readable after its deadline and the margin, in milliseconds. */
  readonly retentionMs: number;
}

/**
 * How long it is remembered who deleted an item: whoever saw it absent before it was written is over
 * by then.
 */
export function tombstoneMsOf({ longestTimeoutMs, marginMs }: RecordLifetime): number {
  return longestTimeoutMs + marginMs;
}

/** The reply to a commit was lost: it may or may not have happened. Never reaches the user. */
export class CommitReplyLostError extends Error {
  override readonly name = 'CommitReplyLostError';
}
