import { COMMITTED, type Coordinator } from '../commit/coordinator.js';
import {
  ForeignDataError,
  LimitExceededError,
  TransactionClosedError,
  TransactionReadOnlyError,
} from '../errors/index.js';
import type { ForeignValue, StoredItem } from '../store/stored-item.js';
import { printAddress, type TransactionAddress } from '../store/transaction-address.js';
import { ABSENT_VERSION, commitCountOf } from '../store/version.js';
import type { ItemChange, OnePhaseCommit } from '../store/versioned-store.js';
import { toCommitFailure, type CommitFailure } from './commit-failure.js';
import { Hooks, type HookKind, type HookOf } from './hooks.js';
import type { TransactionLimits } from './limits.js';
import {
  OperationLog,
  type Expectation,
  type ItemState,
  type LoggedItem,
  type Savepoint,
} from './operation-log.js';
import type { ItemReference, Operation } from './operation.js';
import type { ResolvedOptions } from './transaction-options.js';

/**
 * - `active`: operations are accepted.
 * - `committing`: sealed, on its way to the store.
 * - `committed`, `rolled_back`: decided.
 * - `in_doubt`: the commit was sent, and nobody could be asked what became of it.
 */
export type TransactionStatus = 'active' | 'committing' | 'committed' | 'rolled_back' | 'in_doubt';

/** What a transaction is made of; the manager begins it. */
export interface TransactionSetup {
  readonly id: string;
  readonly callId: string;
  readonly attempt: number;
  readonly options: ResolvedOptions;
  /** Local monotonic milliseconds. */
  readonly until: number;
  readonly coordinator: Coordinator;
  readonly limits: TransactionLimits;
  readonly control: TransactionControl;
}

/** Why a transaction must not commit, and in which savepoint that came up. */
export interface RollbackMark {
  readonly reason: unknown;
  readonly savepoint: Savepoint | undefined;
}

/** What a transaction asks its manager for. */
export interface TransactionControl {
  /** The savepoint that is current in the calling context. */
  savepointIn(transaction: Transaction): Savepoint | undefined;
  run<T>(transaction: Transaction, work: () => Promise<T>): Promise<T>;
  commit(transaction: Transaction): Promise<void>;
  rollback(transaction: Transaction, reason: unknown): Promise<void>;
}

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
  readonly #setup: TransactionSetup;
  readonly #log = new OperationLog();
  #status: TransactionStatus = 'active';
  #address: TransactionAddress | undefined;
  #announcedIn: string | undefined;
  #hooks: Hooks | undefined;
  #pending: Set<{ promise?: Promise<unknown> }> | undefined;
  #abortion: AbortController | undefined;
  #closedBy: unknown;
  #rollbackOnly: RollbackMark[] | undefined;
  #sent: OnePhaseCommit | undefined;
  #writtenBytes = 0;

  /** @internal */
  constructor(setup: TransactionSetup) {
    this.id = setup.id;
    this.callId = setup.callId;
    this.attempt = setup.attempt;
    this.options = setup.options;
    this.until = setup.until;
    this.#setup = setup;
  }

  get status(): TransactionStatus {
    return this.#status;
  }

  /**
   * Names the transaction for ever, for `transactionManager.outcomeOf(address)`. Whoever asks for it
   * fixes where its record lies, and its outcome is recorded from then on whatever it is.
   */
  get address(): string {
    return printAddress(this.#fixAddress());
  }

  /** Everything it did so far, as the tuples (node, item, value, version). */
  get operations(): readonly Operation[] {
    return this.#log.operations(this.id);
  }

  /** Aborted when the call runs out of time, with the TransactionTimeoutError as its reason. */
  get signal(): AbortSignal {
    this.#abortion ??= new AbortController();
    if (this.#closedBy !== undefined) this.#abortion.abort(this.#closedBy);
    return this.#abortion.signal;
  }

  /** Makes this the current transaction while `work` runs. For transactions begun by hand. */
  run<T>(work: () => Promise<T>): Promise<T> {
    return this.#setup.control.run(this, work);
  }

  /**
   * Commits a transaction begun by hand.
   * @throws TransactionConflictError and all other errors of a commit; it is rolled back then.
   */
  commit(): Promise<void> {
    return this.#setup.control.commit(this);
  }

  /**
   * Rolls back a transaction begun by hand; does nothing where that has happened. Inside `run` or a
   * `@Transactional()` method it marks the transaction for roll back.
   */
  rollback(reason?: unknown): Promise<void> {
    return this.#setup.control.rollback(this, reason);
  }

  /** Runs in every attempt, after the method; its reads and writes count, and it may veto by throwing. */
  beforeCommit(hook: HookOf<'beforeCommit'>): void {
    this.#addHook('beforeCommit', hook);
  }

  /** Runs once, after the commit and outside of the transaction. Its errors are logged only. */
  onCommit(hook: HookOf<'onCommit'>): void {
    this.#addHook('onCommit', hook);
  }

  /** Runs once, and only if the caller gets an error. Its errors are logged only. */
  onRollback(hook: HookOf<'onRollback'>): void {
    this.#addHook('onRollback', hook);
  }

  /** @internal Undefined where none was ever added. */
  get hooks(): Hooks | undefined {
    return this.#hooks;
  }

  /** @internal Why it, or the part of it since a savepoint, must not commit, if so. */
  rollbackOnlySince(savepoint?: Savepoint): RollbackMark | undefined {
    return this.#rollbackOnly?.find(
      (mark) => savepoint === undefined || mark.savepoint?.isWithin(savepoint),
    );
  }

  /** @internal The commit step may have happened. */
  get commitSent(): boolean {
    return this.#sent?.sent ?? false;
  }

  /** @internal */
  markRollbackOnly(reason: unknown, savepoint: Savepoint | undefined): void {
    (this.#rollbackOnly ??= []).push({ reason, savepoint });
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

  /**
   * @internal Counts an operation as pending until it settles, so that a commit waits for it. An error
   * that nobody handles stays visible: it goes to the promise that the caller gets, and nowhere else.
   */
  track<T>(operation: Promise<T>): Promise<T> {
    const entry: { promise?: Promise<unknown> } = {};
    const pending = (this.#pending ??= new Set());
    pending.add(entry);
    const promise = settleThen(operation, () => pending.delete(entry));
    entry.promise = promise;
    return promise;
  }

  /** @internal Waits for operations that the method did not wait for; fails if one of them does. */
  async settle(): Promise<void> {
    while (this.#pending !== undefined && this.#pending.size > 0) {
      const results = await Promise.allSettled([...this.#pending].map(({ promise }) => promise));
      const failed = results.find((result) => result.status === 'rejected');
      if (failed) throw failed.reason;
    }
  }

  /** @internal What is known of an item. */
  stateOf(reference: ItemReference): ItemState | undefined {
    return this.#log.stateOf(reference);
  }

  /** @internal Reads the items that were not read before; undefined where there are none. */
  read(references: readonly ItemReference[]): Promise<void> | undefined {
    this.assertOpen();
    const missing = references.filter(
      (reference) => this.#log.stateOf(reference)?.seen === undefined,
    );
    if (missing.length === 0) return undefined;
    this.#limitItems(missing.length);
    return this.#readMissing(missing);
  }

  async #readMissing(missing: readonly ItemReference[]): Promise<void> {
    const keys = missing.map((reference) => reference.key);
    const reply = await this.#setup.coordinator.read(missing[0]!.store, keys, this.until);
    this.assertOpen();
    for (const [index, reference] of missing.entries()) {
      const item = reply.items[index];
      if (item?.kind === 'foreign') throw new ForeignDataError(reference.key);
      this.#log.recordRead(reference, item ?? null, reply.moment);
    }
  }

  /** @internal Reads what stands there now, without recording and without validation. */
  async peek(reference: ItemReference): Promise<StoredItem | ForeignValue | undefined> {
    this.assertOpen();
    const { coordinator } = this.#setup;
    const reply = await coordinator.read(reference.store, [reference.key], this.until);
    return reply.items[0];
  }

  /** @internal Records what becomes of an item. */
  change(
    scope: TransactionScope,
    reference: ItemReference,
    change: ItemChange,
    expectation?: Expectation,
  ): void {
    this.assertOpen();
    scope.assertWritable();
    if (this.#log.stateOf(reference) === undefined) this.#limitItems(1);
    if (change.kind === 'write') this.#limitBytes(change.payload);
    this.#log.recordChange(reference, change, scope.savepoint, expectation);
  }

  /** @internal Takes back the writes, the hooks and the marks of a savepoint; keeps its reads. */
  rollBackTo(savepoint: Savepoint): void {
    this.#log.rollBackTo(savepoint);
    this.#hooks?.dropSince(savepoint);
    this.#rollbackOnly = this.#rollbackOnly?.filter((mark) => !mark.savepoint?.isWithin(savepoint));
  }

  /** @internal No more operations are accepted. */
  seal(): void {
    this.assertOpen();
    this.#status = 'committing';
  }

  /** @internal Undefined when it is committed. */
  async commitSealed(): Promise<CommitFailure | undefined> {
    const items = this.#log.commitItems(this.options.isolation === 'serializable');
    const result = await this.#setup.coordinator.commit({
      id: this.id,
      items,
      readAtOnce: this.#log.readAtOnce,
      announcedIn: this.#announcedIn,
      until: this.until,
      address: this.#address,
      record: this.#record(items),
      onSending: (commit) => {
        this.#sent = commit;
        this.#address = commit.address;
      },
    });
    if (result.status !== 'committed') {
      return toCommitFailure(result, items, this.options.timeoutMs);
    }
    this.#status = 'committed';
    for (const [index, count] of result.commitCounts) {
      const state = items[index]?.state;
      if (state) this.#committedCounts.set(state, count);
    }
    return undefined;
  }

  /**
   * @internal Whether what was read still stands; the conflict if not. Reads of one atomic step
   * existed together, and need no second look.
   */
  async validateReads(): Promise<CommitFailure | undefined> {
    const items = this.#log
      .commitItems(this.options.isolation === 'serializable')
      .filter((item) => item.state.seen !== undefined);
    const oneNode = items.every((item) => item.node === items[0]?.node);
    if (items.length === 0 || (this.#log.readAtOnce && oneNode)) return undefined;
    const result = await this.#setup.coordinator.validate(items, this.until);
    if (result === COMMITTED || result.status === 'committed') return undefined;
    return toCommitFailure(result, items, this.options.timeoutMs);
  }

  /** @internal Ends it without a commit. An address that somebody knows gets its outcome recorded. */
  async close(status: 'rolled_back' | 'in_doubt', reason: unknown): Promise<void> {
    this.#status = status;
    this.#closedBy = reason;
    this.#abortion?.abort(reason);
    // Nobody may be left to hear of operations that the method did not wait for.
    for (const { promise } of this.#pending ?? []) promise?.catch(() => undefined);
    if (status !== 'rolled_back' || this.#announcedIn === undefined) return;
    const { coordinator } = this.#setup;
    await coordinator.rollBack(this.#announcedIn, this.#fixAddress(), this.until);
  }

  /**
   * @internal The version that the transaction gives, or gave, to an item: undefined where that is
   * not known (yet).
   */
  versionGivenTo(state: ItemState): string | undefined {
    const base =
      state.seen === undefined
        ? state.expectation?.version
        : (state.seen?.version ?? ABSENT_VERSION);
    const count = base === undefined ? this.#committedCounts.get(state) : commitCountOf(base) + 1;
    return count === undefined ? undefined : `${count}.${this.id}`;
  }

  readonly #committedCounts = new Map<ItemState, number>();

  #addHook<K extends HookKind>(kind: K, hook: HookOf<K>): void {
    this.assertOpen();
    (this.#hooks ??= new Hooks()).add(kind, hook, this.#setup.control.savepointIn(this));
  }

  #fixAddress(): TransactionAddress {
    if (this.#address === undefined) {
      const items = this.#log.commitItems(true);
      const written = items.filter((item) => item.change !== undefined);
      const known = written.length > 0 ? written : items;
      this.#announcedIn = known[0]?.store ?? 'default';
      const keys = known.filter((item) => item.store === this.#announcedIn).map((item) => item.key);
      const { coordinator } = this.#setup;
      this.#address = coordinator.addressFor(this.id, this.#announcedIn, keys, this.until);
    }
    return this.#address;
  }

  /** The members of the record's JSON: who, until when, and the operations (i, j, t). */
  #record(items: readonly LoggedItem[]): string {
    const operations = items.map((item) => {
      const t = item.expected === undefined ? null : commitCountOf(item.expected);
      if (item.change === undefined) return ['r', item.key, t];
      return [item.change.kind[0], item.key, t === null ? null : t + 1];
    });
    const name =
      this.options.name === undefined ? '' : `"name":${JSON.stringify(this.options.name)},`;
    return `${name}"call":"${this.callId}","attempt":${this.attempt},"operations":${JSON.stringify(operations)}`;
  }

  #limitItems(more: number): void {
    const actual = this.#log.itemCount + more;
    const allowed = this.#setup.limits.items;
    if (actual > allowed) throw new LimitExceededError('items', allowed, actual);
  }

  #limitBytes(payload: string): void {
    const allowed = this.#setup.limits.transactionBytes;
    this.#writtenBytes += payload.length;
    if (this.#writtenBytes > allowed) {
      throw new LimitExceededError('transactionBytes', allowed, this.#writtenBytes);
    }
  }
}

/** What the context holds: the transaction, and what the inner method may do in it. */
export class TransactionScope {
  constructor(
    readonly transaction: Transaction,
    readonly readOnly: boolean,
    readonly savepoint: Savepoint | undefined,
  ) {}

  /** @throws TransactionReadOnlyError */
  assertWritable(): void {
    if (!this.readOnly) return;
    throw new TransactionReadOnlyError(
      `Transaction ${this.transaction.id} is read-only here; nothing was written. Remove readOnly from the ` +
        'method that writes, or use REQUIRES_NEW for it.',
    );
  }
}

async function settleThen<T>(operation: Promise<T>, then: () => void): Promise<T> {
  try {
    return await operation;
  } finally {
    then();
  }
}
