import { homeItems, type PlacedItem } from '../commit/commit-plan.js';
import type { CommitResult } from '../commit/commit-request.js';
import type { ItemLocks } from '../commit/item-locks.js';
import type { RecordedCall } from '../commit/transaction-record.js';
import { TransactionClosedError, type DistributedTxError } from '../errors/index.js';
import { Branch } from '../participants/branch.js';
import type { Participant } from '../participants/participant.js';
import type { ForeignValue, StoredItem } from '../store/stored-item.js';
import { printAddress, type TransactionAddress } from '../store/transaction-address.js';
import { commitCountOf } from '../store/version.js';
import type { ItemChange } from '../store/versioned-store.js';
import { CommitAttempt, staleReads } from './commit-attempt.js';
import type { CommitFailure } from './commit-failure.js';
import { contenderFor, type Contender } from './contender.js';
import { Hooks, type HookKind, type HookOf } from './hooks.js';
import { EnlistedBranches } from './enlisted-branches.js';
import { holdThen, startAfter, type FailedLockWait } from './item-holds.js';
import { peekThen, readThen } from './item-reads.js';
import { addBytes, limitItems } from './limits.js';
import type { MaybePromise } from './maybe-promise.js';
import { OperationLog, type Expectation, type ItemState, type Savepoint } from './operation-log.js';
import type { ItemReference, Operation } from './operation.js';
import { PendingOperations } from './pending-operations.js';
import type {
  TransactionEnvironment,
  TransactionSetup,
  WriteScope,
} from './transaction-environment.js';
import { RollbackMarks } from './rollback-marks.js';
import type { ResolvedOptions } from './transaction-options.js';

/**
 * - `active`: operations are accepted.
 * - `committing`: sealed, on its way to the store.
 * - `committed`, `rolled_back`: decided.
 * - `in_doubt`: the commit was sent, and nobody could be asked what became of it.
 */
export type TransactionStatus = 'active' | 'committing' | 'committed' | 'rolled_back' | 'in_doubt';

/** One attempt of a call: a unit of reads and writes that commits as a whole or not at all. */
export class Transaction {
  /** Unique for ever. */
  readonly id: string;
  /** The same for all attempts of a call. */
  readonly callId: string;
  /** 1 for the first attempt of a call. */
  readonly attempt: number;
  /** @internal */
  readonly options: ResolvedOptions;
  /** @internal */
  readonly until: number;
  /** @internal */
  readonly environment: TransactionEnvironment;
  /** @internal */
  readonly log = new OperationLog();
  /** @internal Why it must not commit. */
  readonly rollbackMarks = new RollbackMarks();
  /** @internal What it holds in the store; undefined where that is nothing. */
  locks: ItemLocks | undefined;
  /** @internal Somebody else held what it wanted to. */
  lockWait: FailedLockWait | undefined;
  #status: TransactionStatus = 'active';
  #address: TransactionAddress | undefined;
  #isAddressKnown = false;
  #hooks: Hooks | undefined;
  #pending: PendingOperations | undefined;
  #branches: EnlistedBranches | undefined;
  #abortion: AbortController | undefined;
  #closedBy: unknown;
  #request: CommitAttempt | undefined;
  #writtenBytes = 0;
  #contender: Contender | undefined;

  /** @internal */
  constructor(environment: TransactionEnvironment, setup: TransactionSetup) {
    this.id = setup.id;
    this.callId = setup.callId;
    this.attempt = setup.attempt;
    this.options = setup.options;
    this.until = setup.until;
    this.environment = environment;
  }

  get status(): TransactionStatus {
    return this.#status;
  }

  /**
   * Names the transaction for ever, for `transactionManager.outcomeOf(address)`. Whoever asks for it
   * fixes where its record lies, and its outcome is recorded from then on whatever it is.
   */
  get address(): string {
    return printAddress(this.fixAddress());
  }

  /** Everything it did so far, as the tuples (node, item, value, version). */
  get operations(): readonly Operation[] {
    return this.log.operations(this.id);
  }

  /** Aborted when the call runs out of time, with the TransactionTimeoutError as its reason. */
  get signal(): AbortSignal {
    this.#abortion ??= new AbortController();
    if (this.#closedBy !== undefined) this.#abortion.abort(this.#closedBy);
    return this.#abortion.signal;
  }

  /** Makes this the current transaction while `work` runs. For transactions begun by hand. */
  run<T>(work: () => Promise<T>): Promise<T> {
    return this.environment.control.run(this, work);
  }

  /**
   * Commits a transaction begun by hand.
   * @throws TransactionConflictError and all other errors of a commit; it is rolled back then.
   */
  commit(): Promise<void> {
    return this.environment.control.commit(this);
  }

  /**
   * Rolls back a transaction begun by hand; does nothing where that has happened. Inside a managed
   * `run` or a `@Transactional()` method it marks the transaction for roll back.
   */
  rollback(reason?: unknown): Promise<void> {
    return this.environment.control.rollback(this, reason);
  }

  /** Runs in every attempt, after the method; its reads and writes count, and it may veto by throwing. */
  beforeCommit(hook: HookOf<'beforeCommit'>): void {
    this.#addHook('beforeCommit', hook);
  }

  /**
   * Runs once, after the commit and outside of the transaction. Its errors are logged only. The caller
   * waits for it, but no longer than `hookTimeoutMs` of the module.
   */
  onCommit(hook: HookOf<'onCommit'>): void {
    this.#addHook('onCommit', hook);
  }

  /**
   * Runs once, and only if the caller gets an error. Its errors are logged only. The caller waits for
   * it, but no longer than `hookTimeoutMs` of the module.
   */
  onRollback(hook: HookOf<'onRollback'>): void {
    this.#addHook('onRollback', hook);
  }

  /**
   * Has a participant take part: it is prepared, or decides, when the transaction commits, and is driven to
   * the outcome whatever happens. Each call is a branch of its own.
   *
   * @param participant One that the application provides, or its name.
   * @param payload What the participant needs to finish the branch: a JSON value, at most `limits.valueBytes`.
   * @throws ParticipantUsageError for one the application does not provide, or a payload that is no JSON.
   */
  enlist(participant: Participant | string, payload?: unknown): Branch {
    this.assertOpen();
    const { participants, control, limits } = this.environment;
    const savepoint = control.savepointIn(this);
    this.#assertStands(savepoint);
    this.#branches ??= new EnlistedBranches(participants, limits);
    return this.#branches.enlist(participant, payload, savepoint);
  }

  /** @internal Gives a branch its name before the commit does, for a participant that needs it to begin. */
  async nameBranch(branch: Branch): Promise<void> {
    const { coordinator } = this.environment;
    await coordinator.nameBranch(branch, () => this.fixAddress(), this.until);
  }

  /** @internal The commit waits for this work of a participant, and fails if it does. */
  track<T>(work: Promise<T>): Promise<T> {
    return this.follow(work, (value) => value);
  }

  /**
   * @internal The work of a branch, or of its part within a savepoint, has failed, and must not be committed.
   * @param conflict It lost against another transaction, so a further attempt of the call may succeed.
   */
  failBranch(error: unknown, savepoint: Savepoint | undefined, conflict: boolean): void {
    if (conflict) this.#branches?.lose(error, savepoint);
    this.rollbackMarks.add({ reason: error, savepoint, byRequest: false });
  }

  /** @internal Undefined where none was ever added. */
  get hooks(): Hooks | undefined {
    return this.#hooks;
  }

  /** @internal Nothing has to be waited for, or looked at, before it may commit. */
  get isQuiet(): boolean {
    return (
      this.#hooks === undefined &&
      this.rollbackMarks.isEmpty &&
      (this.#pending === undefined || this.#pending.isEmpty)
    );
  }

  /** @internal The commit step may have happened. */
  get commitSent(): boolean {
    return this.#request?.sent?.commit.sent ?? false;
  }

  /** @internal @throws TransactionClosedError */
  assertOpen(): void {
    if (this.#status === 'active') return;
    throw new TransactionClosedError(
      `Transaction ${this.id} is ${this.#status} and takes no more operations. Await everything before ` +
        'the method returns; begin a new transaction for more.',
      { cause: this.#closedBy },
    );
  }

  /** @internal Waits for operations that the method did not wait for; fails if one of them does. */
  async settle(): Promise<void> {
    await this.#pending?.settle();
  }

  /** @internal What is known of an item. */
  stateOf(reference: ItemReference): ItemState | undefined {
    return this.log.stateOf(reference);
  }

  /**
   * @internal Reads those of the items that were not read before; `then` finds all of them known. A
   * commit waits for it.
   */
  readThen<R>(references: readonly ItemReference[], then: () => R): MaybePromise<R> {
    return readThen(this, references, then);
  }

  /** @internal Reads what stands there now, without recording and without validation. */
  peekThen<R>(
    reference: ItemReference,
    then: (item: StoredItem | ForeignValue | null) => R,
  ): Promise<R> {
    return peekThen(this, reference, then);
  }

  /** @internal */
  get contender(): Contender | undefined {
    const { hotItems } = this.environment;
    if (hotItems === undefined || hotItems.isQuiet) return this.#contender;
    return (this.#contender ??= contenderFor(hotItems, this));
  }

  /** @internal */
  follow<T, R>(start: Promise<T>, proceed: (value: T) => R): Promise<R> {
    return (this.#pending ??= new PendingOperations()).follow(start, proceed);
  }

  /** @internal What another attempt waits for, and holds, before it runs the method again. */
  startAfter(before: Transaction): Promise<void> | undefined {
    return startAfter(this, before);
  }

  /** @internal Holds items in the store from now on, so that nobody else changes them; `then` follows. */
  holdThen<R>(references: readonly ItemReference[], then: () => R): MaybePromise<R> {
    return holdThen(this, references, then);
  }

  /** @internal Whether the conflict is one that waiting for a turn avoids, so that no other pause is needed. */
  waitsForTurn(conflict: DistributedTxError): boolean {
    return this.#request?.locked === undefined && this.contender?.waitsAfter(conflict) === true;
  }

  /** @internal Records what becomes of an item. */
  change(
    scope: WriteScope,
    reference: ItemReference,
    change: ItemChange,
    expectation?: Expectation,
  ): ItemState {
    this.assertOpen();
    this.#assertStands(scope.savepoint);
    scope.assertWritable();
    if (this.log.stateOf(reference) === undefined)
      limitItems(this.log, [reference], this.environment.limits);
    if (change.kind === 'write') {
      this.#writtenBytes = addBytes(this.#writtenBytes, change.payload, this.environment.limits);
    }
    return this.log.recordChange(reference, change, scope.savepoint, expectation);
  }

  /** @internal Takes back the writes, the hooks and the marks of a savepoint; keeps its reads. */
  rollBackTo(savepoint: Savepoint): Promise<void> | undefined {
    savepoint.markRolledBack();
    this.#pending?.ignore();
    this.log.rollBackTo(savepoint);
    this.#hooks?.dropSince(savepoint);
    this.rollbackMarks.dropSince(savepoint);
    return this.#branches?.rollBackTo(savepoint);
  }

  /** @internal The savepoint is over, and what was done since stays. */
  release(savepoint: Savepoint): Promise<void> | undefined {
    return this.#branches?.release(savepoint);
  }

  /** @internal Whose record it is. */
  get call(): RecordedCall {
    return { name: this.options.name, callId: this.callId, attempt: this.attempt };
  }

  /** @internal Why a further attempt may succeed though the method failed: it, or a participant, lost against another. */
  get conflict(): DistributedTxError | undefined {
    return this.#branches?.conflict ?? this.lockWait?.conflict;
  }

  /** @internal No more operations are accepted. */
  seal(): void {
    this.assertOpen();
    this.#status = 'committing';
  }

  /** @internal To be concluded with `concludeCommit`. */
  sendCommit(): MaybePromise<CommitResult> {
    const { id, until, options } = this;
    this.#request = new CommitAttempt({
      id,
      call: this.call,
      items: this.log.commitItems(options.isolation === 'serializable'),
      readAtOnce: this.log.readAtOnce,
      isAddressKnown: this.#isAddressKnown,
      until,
      address: this.#address,
      branches: this.#branches?.all,
      locks: this.locks,
    });
    const { items } = this.#request;
    const { contender } = this;
    // What it holds is known better than what others have sent.
    const refusal = this.locks === undefined ? contender?.refusalOf(items) : undefined;
    if (refusal !== undefined) return refusal;
    const committing = this.environment.coordinator.commit(this.#request);
    // Only one step of one node is under way by now, and decides when it arrives.
    if (this.#request.sent !== undefined) contender?.sent(items);
    return committing;
  }

  /** @internal What became of a commit whose promise was rejected; throws where it was not sent. */
  async resolveCommit(error: unknown): Promise<CommitResult> {
    if (this.#request === undefined) throw error;
    return this.#request.resolve(this.environment.coordinator, error);
  }

  /** @internal Undefined when it is committed. */
  concludeCommit(result: CommitResult): CommitFailure | undefined {
    const failure = this.#request?.conclude(result, this.options.timeoutMs);
    const items = this.#request?.items ?? [];
    if (failure === undefined) {
      this.#status = 'committed';
      this.locks?.committed(items);
    }
    this.environment.hotItems?.concluded(result, items);
    this.#contender?.concluded(result, items);
    return failure;
  }

  /** @internal Settles the lock that the commit met, so that the next attempt need not meet it. */
  async settleLock(): Promise<void> {
    const locked = this.#request?.locked;
    if (locked !== undefined) await this.environment.coordinator.settleLock(locked.key, this.until);
  }

  /**
   * @internal Whether what was read still stands; the conflict if not. Reads of one atomic step
   * existed together, and need no second look.
   */
  async validateReads(): Promise<DistributedTxError | undefined> {
    await this.#contender?.predecessors();
    return staleReads(this.environment.coordinator, this.log, this);
  }

  /** @internal Ends it without a commit. An address that somebody knows gets its outcome recorded. */
  async close(status: 'rolled_back' | 'in_doubt', reason: unknown): Promise<void> {
    this.#status = status;
    this.#closedBy = reason;
    this.#abortion?.abort(reason);
    this.#pending?.ignore();
    this.#contender?.leave();
    this.#request?.withdraw();
    if (status === 'in_doubt') return this.locks?.settle();
    if (this.#branches !== undefined && this.#request?.branchesHandedOver !== true) {
      await this.#branches.rollBack(this.until);
    }
    if (this.locks !== undefined) await this.locks.rollBack(this.until);
    else if (this.#isAddressKnown) {
      await this.environment.coordinator.rollBack(this.fixAddress(), this.until);
    }
  }

  /**
   * @internal The version that the transaction gives, or gave, to an item: undefined where that is
   * not known (yet).
   */
  versionGivenTo(state: ItemState): string | undefined {
    const base =
      state.seenVersion ?? state.expectation?.version ?? this.locks?.versionOf(state.reference.key);
    const count = base === undefined ? this.#request?.countOf(state) : commitCountOf(base) + 1;
    return count === undefined ? undefined : `${count}.${this.id}`;
  }

  #addHook<K extends HookKind>(kind: K, hook: HookOf<K>): void {
    this.assertOpen();
    const savepoint = this.environment.control.savepointIn(this);
    this.#assertStands(savepoint);
    (this.#hooks ??= new Hooks()).add(kind, hook, savepoint);
  }

  /** What a nested method left under way when it failed would be written without it. */
  #assertStands(savepoint: Savepoint | undefined): void {
    if (!savepoint?.isRolledBack) return;
    throw new TransactionClosedError(
      `The nested part of transaction ${this.id} that this operation belongs to was rolled back; it takes no ` +
        'more writes and hooks. Await everything before the method ends.',
    );
  }

  /** @internal @param items That its record is to lie with. @default those it has written, or else read, so far */
  fixAddress(items?: readonly Pick<PlacedItem, 'key'>[]): TransactionAddress {
    this.#address ??= this.#request?.address;
    if (this.#address === undefined) {
      const { coordinator } = this.environment;
      const near = items ?? homeItems(this.log.commitItems(true));
      this.#address = coordinator.addressFor(this.id, near, this.until);
      this.#isAddressKnown = true;
    }
    return this.#address;
  }
}
