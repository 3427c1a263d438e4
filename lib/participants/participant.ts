import type { TransactionAddress } from '../store/transaction-address.js';
import type { Branch } from './branch.js';

/** How a participant can take part. Both may hold, and one of them has to. */
export interface ParticipantCapabilities {
  /**
   * Its own commit can decide the whole transaction (`decide`, `fence`). A transaction has one decider at
   * most; all its other participants are prepared.
   */
  readonly decides: boolean;
  /** It can promise to commit later, whatever happens to the process that asked it (`prepare`, `commit`). */
  readonly prepares: boolean;
}

/**
 * Anything that takes part in transactions and can vote. It is enlisted when it is first used
 * (`transaction.enlist`), and driven to the outcome of the transaction after any crash.
 *
 * All times named `until` are local monotonic milliseconds.
 */
export interface Participant {
  /** Unique in the application and the same in all its processes: records name it. */
  readonly name: string;
  readonly capabilities: ParticipantCapabilities;

  /**
   * Connects, and checks that it can do what its capabilities say. Called once, when the application starts.
   * @throws StoreUnavailableError, StoreRefusedError, ModuleOptionsError
   */
  open?(environment: ParticipantEnvironment): Promise<void>;

  /** Called once, when everything in flight has ended. */
  close?(): Promise<void>;

  /**
   * Phase one: after it resolves, `commit` must be able to succeed, in any process. The branch is in the
   * record of the transaction by then. Rejects to vote no; then, and where nobody hears the answer,
   * `rollback` follows.
   *
   * @throws ParticipantConflictError where a further attempt of the call may succeed.
   */
  prepare(branch: Branch, until: number): Promise<void>;

  /**
   * Phase two of what was prepared. Repeated until it resolves, by this process or another one, so it may
   * find its work done.
   */
  commit(branch: Branch, until: number): Promise<void>;

  /**
   * Ends the branch without a trace, whatever it has come to: nothing, a connection in use, or a promise.
   * A branch that has no name yet (`isNamed`) was never prepared. Repeated until it resolves, by this process or another one; may find nothing to do.
   */
  rollback(branch: Branch, until: number): Promise<void>;

  /**
   * Commits the branch and with it, in the same step, the decision that the transaction is committed. It
   * must be refused where `fence` has answered `rolled_back`.
   *
   * @throws ParticipantConflictError and DistributedTxError of other kinds when it certainly did not happen;
   *   after any other error the coordinator asks by `fence`.
   */
  decide?(branch: Branch, until: number): Promise<void>;

  /**
   * Learns for good whether the decision was taken: where it was not, makes it impossible. Called by
   * anybody, at any time, with the branch that is recorded as the decider.
   */
  fence?(branch: Branch, until: number): Promise<'committed' | 'rolled_back'>;

  /** What a savepoint of the transaction means to it. Without it nothing happens to the branch before commit. */
  readonly savepoints?: ParticipantSavepoints;

  /**
   * Finishes what no journal names: looks for branches of this cache that were left prepared, and for
   * decisions that nobody needs any more. Called now and then, in the background, by every instance.
   */
  recover?(recovery: BranchRecovery): Promise<void>;
}

/** A branch together with who has to do it. */
export interface Enlisted {
  readonly participant: Participant;
  readonly branch: Branch;
}

export interface ParticipantSavepoints {
  /** The work of the branch since the savepoint is undone. */
  rollbackTo(branch: Branch, savepoint: object): Promise<void>;
  /** The savepoint is over, and its work stays. */
  release(branch: Branch, savepoint: object): Promise<void>;
}

/** What a participant is given when the application starts. */
export interface ParticipantEnvironment {
  /** How much longer than its deadline a transaction may decide: more than clocks ever differ, in milliseconds. */
  readonly marginMs: number;
  /** How long an outcome can be asked for after its deadline and the margin, in milliseconds. */
  readonly retentionMs: number;
  /** The longest a deadline may lie ahead, in milliseconds. */
  readonly longestTimeoutMs: number;
  /** Local monotonic milliseconds. */
  now(): number;
  warn(message: string): void;
}

export interface BranchRecovery {
  /** The cache whose transactions are to be recovered; branches of others must stay as they are. */
  readonly cache: string;
  readonly until: number;
  /**
   * What is to become of a prepared branch: `undecided` leaves it alone. A transaction that nobody knows
   * any more is `rolled_back`: its record stays until its last branch is finished.
   */
  readonly outcomeOf: (
    address: TransactionAddress,
  ) => Promise<'committed' | 'rolled_back' | 'undecided'>;
  /** Whether a record still waits for what this participant decided about it. */
  readonly isPending: (address: TransactionAddress) => Promise<boolean>;
}
