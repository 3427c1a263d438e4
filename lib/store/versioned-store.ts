import type { ForeignValue, StoredItem } from './stored-item.js';
import type { TransactionAddress } from './transaction-address.js';

/**
 * What a cache must offer, in the protocol's words. How it batches, connects and scripts is its own
 * matter. All times named `until` are local monotonic milliseconds (`Clock.now()`): a call that has
 * not been answered by then fails, and one that has not been sent by then never is.
 */
export interface VersionedStore {
  /** The name it has in the module's options; `default` for the one of `redis`. */
  readonly name: string;

  /** Connects and checks the server. @throws StoreUnavailableError, StoreRefusedError */
  open(): Promise<void>;

  /** The node of an item: what one atomic step can cover. */
  nodeOf(key: string): string;

  /** The tag of the home of a transaction over these items, the same for any order of them. */
  homeOf(keys: readonly string[]): string;

  /** Local monotonic time, told by the clock of the nodes. */
  toNodeTime(localMs: number): number;

  /** Reads the items in order. @throws StoreUnavailableError, StoreRefusedError */
  read(keys: readonly string[], until: number): Promise<ReadReply>;

  /**
   * Checks and writes a whole transaction and its record in one atomic step on one node.
   *
   * @throws CommitReplyLostError when the step may or may not have happened.
   * @throws StoreUnavailableError, StoreRefusedError when it certainly did not.
   */
  commitOnePhase(commit: OnePhaseCommit, until: number): Promise<OnePhaseReply>;

  /**
   * Learns an outcome for good: one atomic step that reads the record and, where nothing is decided,
   * writes `rolled_back`, so that a late commit cannot happen any more.
   */
  fence(address: TransactionAddress, until: number): Promise<FencedOutcome>;

  /** Reads the recorded outcome and changes nothing. */
  outcome(address: TransactionAddress, until: number): Promise<RecordedOutcome>;

  /** Resolves when every node answers. @throws StoreUnavailableError, StoreRefusedError */
  ping(until: number): Promise<void>;

  /** Lets what was sent be answered, then closes what `open` opened, and nothing else. */
  close(): Promise<void>;
}

export interface ReadReply {
  /** In the order of the keys; undefined where nothing stands. */
  readonly items: readonly (StoredItem | ForeignValue | undefined)[];
  /**
   * Names the atomic step that read them: items with the same moment existed together. Undefined
   * where one call took several steps.
   */
  readonly moment: number | undefined;
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
   * The version that must stand, `0` for absence. Undefined: whatever stands. An increment never has
   * one, a read and a delete always.
   */
  readonly expected: string | undefined;
  /** Instead of a version: the foreign value that must stand (adoption of older data). */
  readonly expectedForeign?: string;
  /** Undefined for an item that was only read. */
  readonly change: ItemChange | undefined;
}

export interface OnePhaseCommit {
  readonly address: TransactionAddress;
  readonly items: readonly CommitItem[];
  /** What the record tells besides the outcome: JSON members, without the braces. */
  readonly record: string;
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
  | { readonly status: 'foreign'; readonly index: number }
  | { readonly status: 'rolled_back' }
  /** The deadline has passed, or lies too far off, by the node's clock. */
  | { readonly status: 'deadline'; readonly nodeTimeMs: number };

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

/** The reply to a commit was lost: it may or may not have happened. Never reaches the user. */
export class CommitReplyLostError extends Error {
  override readonly name = 'CommitReplyLostError';
}
