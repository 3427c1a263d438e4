import type { Enlisted } from '../participants/participant.js';
import type { TransactionAddress } from '../store/transaction-address.js';
import type { OnePhaseReply, VersionedStore } from '../store/versioned-store.js';
import type { CommitFacts } from './commit-plan.js';
import type { ItemLocks } from './item-locks.js';
import type { RecordedCall } from './transaction-record.js';

/** Everything the coordinator needs to know of a transaction that wants to commit. */
export interface CommitRequest extends Omit<CommitFacts, 'recordNode' | 'hasBranches'> {
  readonly id: string;
  /** Local monotonic milliseconds. */
  readonly until: number;
  /** Fixed earlier, if somebody asked for it; otherwise filled in when the commit begins. */
  address: TransactionAddress | undefined;
  /** Somebody has asked for the address, which then was fixed. */
  readonly isAddressKnown: boolean;
  readonly call: RecordedCall;
  /** What else takes part, in the order in which it was enlisted. */
  readonly branches: readonly Enlisted[];
  /** What it holds already; undefined where that is nothing. Its address is known then. */
  readonly locks: ItemLocks | undefined;
  /** From now on the coordinator ends the branches, whatever comes. */
  branchesHandedOver: boolean;
  /** Filled in as soon as the commit may happen, so that a caller who gives up knows what to say. */
  sent: SentCommit | undefined;
}

/** What is known of a request when it is made. */
export type RequestFacts = Omit<
  CommitRequest,
  'sent' | 'branches' | 'branchesHandedOver' | 'locks'
> & {
  /** Default: none. */
  readonly branches?: readonly Enlisted[] | undefined;
  /** Default: none. */
  readonly locks?: ItemLocks | undefined;
};

const NO_BRANCHES: readonly Enlisted[] = [];

// A class, not a literal: see ADR 6.
export class OpenRequest implements CommitRequest {
  readonly id: string;
  readonly call: CommitRequest['call'];
  readonly items: CommitRequest['items'];
  readonly readAtOnce: boolean;
  readonly isAddressKnown: boolean;
  readonly until: number;
  readonly branches: CommitRequest['branches'];
  readonly locks: CommitRequest['locks'];
  address: TransactionAddress | undefined;
  branchesHandedOver = false;
  sent: CommitRequest['sent'] = undefined;

  constructor(facts: RequestFacts) {
    this.id = facts.id;
    this.call = facts.call;
    this.items = facts.items;
    this.readAtOnce = facts.readAtOnce;
    this.isAddressKnown = facts.isAddressKnown;
    this.until = facts.until;
    this.branches = facts.branches ?? NO_BRANCHES;
    this.locks = facts.locks;
    this.address = facts.address;
  }
}

/** The step that decides a transaction, as far as it matters whether it may have happened. */
export interface DecidingStep {
  readonly address: TransactionAddress;
  /** From now on it may happen. */
  sent: boolean;
  /** It was not sent yet, and must not be any more. */
  withdrawn?: boolean;
}

/** A commit that was handed to a store. */
export class SentCommit {
  constructor(
    readonly commit: DecidingStep,
    readonly store: VersionedStore,
  ) {}
}

export type CommitResult =
  | OnePhaseReply
  /** The reply was lost, and the commit was made impossible before it happened. */
  | { readonly status: 'fenced' }
  /** A node could not be asked before the decision; the commit was never tried. */
  | { readonly status: 'unprepared'; readonly cause: unknown }
  /** A participant voted no, and nothing was committed. */
  | { readonly status: 'vetoed'; readonly cause: unknown };

export type CommitRefusal = Exclude<CommitResult, { status: 'committed' }>;

export const COMMITTED: CommitResult = { status: 'committed', commitCounts: new Map() };
