import type { TransactionAddress } from '../store/transaction-address.js';
import type { OnePhaseCommit, OnePhaseReply, VersionedStore } from '../store/versioned-store.js';
import type { CommitFacts } from './commit-plan.js';
import type { RecordedCall } from './transaction-record.js';

/** Everything the coordinator needs to know of a transaction that wants to commit. */
export interface CommitRequest extends Omit<CommitFacts, 'home'> {
  readonly id: string;
  /** Local monotonic milliseconds. */
  readonly until: number;
  /** Fixed earlier, if somebody asked for it; otherwise filled in when the commit begins. */
  address: TransactionAddress | undefined;
  /** The store that an address was fixed for which somebody has asked for. */
  readonly announcedIn: string | undefined;
  readonly call: RecordedCall;
  /** Filled in as soon as the commit may happen, so that a caller who gives up knows what to say. */
  sent: SentCommit | undefined;
}

// A class, not a literal: see ADR 6.
export class OpenRequest implements CommitRequest {
  readonly id: string;
  readonly call: CommitRequest['call'];
  readonly items: CommitRequest['items'];
  readonly readAtOnce: boolean;
  readonly announcedIn: string | undefined;
  readonly until: number;
  address: TransactionAddress | undefined;
  sent: CommitRequest['sent'] = undefined;

  constructor(facts: Omit<CommitRequest, 'sent'>) {
    this.id = facts.id;
    this.call = facts.call;
    this.items = facts.items;
    this.readAtOnce = facts.readAtOnce;
    this.announcedIn = facts.announcedIn;
    this.until = facts.until;
    this.address = facts.address;
  }
}

/** A commit that was handed to a store. */
export class SentCommit {
  constructor(
    readonly commit: OnePhaseCommit,
    readonly store: VersionedStore,
  ) {}
}

export type CommitResult =
  | OnePhaseReply
  /** The reply was lost, and the commit was made impossible before it happened. */
  | { readonly status: 'fenced' }
  /** A node could not be asked before the decision; the commit was never tried. */
  | { readonly status: 'unprepared'; readonly cause: unknown };

export type CommitRefusal = Exclude<CommitResult, { status: 'committed' }>;

export const COMMITTED: CommitResult = { status: 'committed', commitCounts: new Map() };
