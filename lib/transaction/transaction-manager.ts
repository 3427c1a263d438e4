import { inspect } from 'node:util';
import type { Coordinator } from '../commit/coordinator.js';
import {
  StoreUnavailableError,
  TransactionManagerMismatchError,
  TransactionOptionsError,
  TransactionTimeoutError,
} from '../errors/index.js';
import type { ParticipantRegistry } from '../participants/participant-registry.js';
import type { Clock } from '../store/clock.js';
import { parseAddress } from '../store/transaction-address.js';
import type { RecordedOutcome } from '../store/versioned-store.js';
import { TransactionContext } from './context.js';
import { HotItems, type ContentionCounts } from './hot-items.js';
import type { SharedStore } from './shared-items.js';
import type { TransactionLimits } from './limits.js';
import {
  ManagedCall,
  type AttemptOfCall,
  type CallEnvironment,
  type Work,
} from './managed-call.js';
import { fillManagerSlot, readManagerSlot } from './manager-slot.js';
import { Savepoint } from './operation-log.js';
import { decidePropagation } from './propagation.js';
import type { IdSource, Random } from './random.js';
import { requirePromise } from './returned.js';
import { rolledBackBy } from './rollback-marks.js';
import { TransactionEvents, type TransactionLog } from './transaction-events.js';
import {
  refuseContradictions,
  requireWork,
  resolveOptions,
  validateOptionsOf,
  type ResolvedOptions,
  type TransactionDefaults,
  type TransactionOptions,
} from './transaction-options.js';
import { TransactionScope } from './transaction-scope.js';
import type { TransactionEnvironment } from './transaction-environment.js';
import { Transaction } from './transaction.js';
import { TransactionsByHand } from './transactions-by-hand.js';

export interface TransactionManagerSetup {
  readonly coordinator: Coordinator;
  readonly clock: Clock;
  readonly random: Random;
  readonly ids: IdSource;
  readonly defaults: TransactionDefaults;
  /** The longest `timeoutMs` that a transaction may ask for. */
  readonly maxTimeoutMs: number;
  /** For each hook that runs after the end of its transaction. */
  readonly hookTimeoutMs: number;
  readonly limits: TransactionLimits;
  /** Whether transactions wait in turn for what they contend for. Default: true. */
  readonly handOver?: boolean;
  readonly participants: ParticipantRegistry;
  readonly log: TransactionLog;
}

const NO_OPTIONS: TransactionOptions = Object.freeze({});

/**
 * The store answers, or is given up, a little before the caller's deadline, so that the caller is
 * told the reason and not only that time is over. At most a tenth of the time-out.
 */
const HEADROOM_MS = 40;

/** Begins, runs, retries and resolves transactions. */
export class TransactionManager {
  readonly #setup: TransactionManagerSetup;
  readonly #context = new TransactionContext();
  readonly #events: TransactionEvents;
  readonly #environment: CallEnvironment;
  readonly #resolved = new WeakMap<TransactionOptions, ResolvedOptions>();
  readonly #byHand: TransactionsByHand;
  readonly #shared: TransactionEnvironment;
  #running = 0;
  #draining: Promise<void> | undefined;
  #drained: (() => void) | undefined;
  #closed = false;

  constructor(setup: TransactionManagerSetup) {
    this.#setup = setup;
    this.#events = new TransactionEvents(setup.log);
    this.#environment = {
      context: this.#context,
      clock: setup.clock,
      random: setup.random,
      events: this.#events,
      hookTimeoutMs: setup.hookTimeoutMs,
      begin: (options, attempt) => this.#newTransaction(options, attempt),
      ended: () => this.#ended(),
    };
    this.#byHand = new TransactionsByHand(this.#environment);
    this.#shared = {
      coordinator: setup.coordinator,
      limits: setup.limits,
      control: this.#byHand,
      participants: setup.participants,
      hotItems:
        setup.handOver === false
          ? undefined
          : new HotItems({
              ...setup,
              processTag: setup.ids.processTag,
              shared: sharedStore(setup.coordinator),
            }),
    };
  }

  /** What transactions of this process have contended for since the start; undefined without `handOver`. */
  get contention(): ContentionCounts | undefined {
    return this.#shared.hotItems?.counts;
  }

  /** What is running in the calling context. */
  current(): Transaction | undefined {
    return this.#context.scope()?.transaction;
  }

  /** @internal The current transaction and what may be done in it. */
  scope(): TransactionScope | undefined {
    return this.#context.scope();
  }

  /**
   * @internal For what finds no transaction of this manager, and would run beside another's.
   * @throws TransactionManagerMismatchError
   */
  refuseForeign(what: string): void {
    const foreign = this.#context.foreign();
    if (foreign === undefined) return;
    throw new TransactionManagerMismatchError(
      `${what} was called in transaction ${foreign.id} of another TransactionManager, in which it cannot take ` +
        'part. Use one of the same application (in tests: of the createTestTransactions() that bindForTest() is ' +
        'given), or let the manager it belongs to run() the call as a transaction of its own.',
    );
  }

  /**
   * Runs `work` as one transaction: commits when its promise resolves, rolls back when it rejects,
   * and runs it again after conflicts.
   *
   * @throws TransactionOptionsError, TransactionConflictError, TransactionTimeoutError,
   *   TransactionOutcomeUnknownError, StoreUnavailableError, and what `work` throws.
   */
  run<T>(work: () => Promise<T>, options: TransactionOptions = NO_OPTIONS): Promise<T> {
    try {
      requireWork('transactionManager.run', work);
    } catch (error) {
      return Promise.reject(error as Error);
    }
    return this.execute(work, options);
  }

  /** @internal `run`, for callers that know when a further attempt would be wrong. */
  execute<T>(
    work: () => Promise<T>,
    options: TransactionOptions,
    mayRetry?: () => boolean,
  ): Promise<T> {
    try {
      const resolved = this.#resolve(options);
      const scope = this.#context.scope();
      switch (decidePropagation(resolved.propagation, scope !== undefined)) {
        case 'begin':
          if (scope === undefined) this.#refuseWhenClosed();
          return this.#begin({ run: work, options: resolved, mayRetry });
        case 'join':
          return this.#join(scope!, resolved, work);
        case 'savepoint':
          return this.#nest(scope!, resolved, work);
        case 'suspend':
          return this.#context.run(undefined, () => requirePromise(work(), options.name));
        case 'direct':
          return requirePromise(work(), options.name);
      }
    } catch (error) {
      return Promise.reject(error as Error);
    }
  }

  /** @internal Always a new transaction, while the application shuts down, too: for what finishes others. */
  finish<T>(work: () => Promise<T>, options: TransactionOptions): Promise<T> {
    return this.#begin({ run: work, options: this.#resolve(options), mayRetry: undefined });
  }

  /**
   * Begins a transaction by hand: it does not become current by itself, is never retried, and is
   * rolled back at its deadline unless `commit()` was called.
   */
  begin(options: TransactionOptions = NO_OPTIONS): Transaction {
    this.#refuseWhenClosed();
    const resolved = this.#resolve(options);
    const until = this.#setup.clock.now() + resolved.timeoutMs;
    const transaction = this.#newTransaction(resolved, { callId: undefined, attempt: 1, until });
    this.#running++;
    this.#byHand.add(transaction, resolved.timeoutMs);
    return transaction;
  }

  /**
   * Reads the recorded outcome of a transaction from the store; never a guess. `undecided` until its
   * deadline is well over, `expired` where its record is not kept any more.
   *
   * @throws TransactionAddressError, StoreUnavailableError
   */
  async outcomeOf(address: string): Promise<RecordedOutcome> {
    const { timeoutMs } = this.#resolve(NO_OPTIONS);
    const until = this.#setup.clock.now() + timeoutMs;
    return this.#setup.coordinator.outcomeOf(parseAddress(address), until);
  }

  /**
   * Gives this manager to an instance that Nest did not construct, so that its `@Transactional()`
   * methods find it. Returns the instance.
   *
   * @throws TransactionManagerMismatchError when it belongs to another application,
   *   TransactionOptionsError for what is no object, or a frozen one.
   */
  bind<T extends object>(instance: T): T {
    requireBindable(instance);
    const bound = readManagerSlot(instance);
    if (bound !== undefined && bound !== this) {
      throw new TransactionManagerMismatchError(
        `An instance of ${instance.constructor.name} is bound to the TransactionManager of another application. ` +
          'Give each application an instance of its own.',
      );
    }
    fillManagerSlot(instance, this);
    return instance;
  }

  /** @internal Begins nothing more, and resolves when everything that runs has ended. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#running === 0) return;
    // Two signals may close an application twice; both wait for the same end.
    this.#draining ??= new Promise<void>((resolve) => (this.#drained = resolve));
    await this.#draining;
  }

  #resolve(options: TransactionOptions): ResolvedOptions {
    let resolved = this.#resolved.get(options);
    if (resolved === undefined) {
      validateOptionsOf(options?.name, options, this.#setup.maxTimeoutMs);
      resolved = resolveOptions(options, this.#setup.defaults);
      this.#resolved.set(options, resolved);
    }
    return resolved;
  }

  #newTransaction(
    options: ResolvedOptions,
    { callId, attempt, until }: AttemptOfCall,
  ): Transaction {
    const id = this.#setup.ids.next();
    const transaction = new Transaction(this.#shared, {
      id,
      callId: callId ?? id,
      attempt,
      options,
      until: until - Math.floor(Math.min(HEADROOM_MS, options.timeoutMs / 10)),
    });
    this.#events.begun(transaction);
    return transaction;
  }

  #begin<T>(work: Work<T>): Promise<T> {
    this.#running++;
    return new ManagedCall(this.#environment, work).start();
  }

  #ended(): void {
    if (--this.#running === 0) this.#drained?.();
  }

  async #join<T>(
    scope: TransactionScope,
    inner: ResolvedOptions,
    work: () => Promise<T>,
  ): Promise<T> {
    const { transaction, savepoint } = scope;
    transaction.assertOpen();
    refuseContradictions(inner.given, transaction.options);
    try {
      return await this.#runWithin(narrow(scope, inner, savepoint), inner, work);
    } catch (error) {
      if (inner.rollsBackFor(error)) {
        transaction.rollbackMarks.add({ reason: error, savepoint, byRequest: false });
      }
      throw error;
    }
  }

  async #nest<T>(
    scope: TransactionScope,
    inner: ResolvedOptions,
    work: () => Promise<T>,
  ): Promise<T> {
    const { transaction } = scope;
    transaction.assertOpen();
    refuseContradictions(inner.given, transaction.options);
    const savepoint = new Savepoint(scope.savepoint);
    try {
      const value = await this.#runWithin(narrow(scope, inner, savepoint), inner, work);
      const mark = transaction.rollbackMarks.first(savepoint);
      if (mark) throw rolledBackBy(mark);
      await transaction.release(savepoint);
      return value;
    } catch (error) {
      const doomed = transaction.rollbackMarks.first(savepoint) !== undefined;
      if (doomed || inner.rollsBackFor(error)) await transaction.rollBackTo(savepoint);
      throw error;
    }
  }

  /** A time-out of its own limits the inner method; the outer one goes on. */
  #runWithin<T>(
    scope: TransactionScope,
    inner: ResolvedOptions,
    work: () => Promise<T>,
  ): Promise<T> {
    const promise = this.#context.run(scope, () => requirePromise(work(), inner.name));
    const { timeoutMs } = inner.given;
    if (timeoutMs === undefined) return promise;
    return new Promise<T>((resolve, reject) => {
      const cancel = this.#setup.clock.schedule(timeoutMs, () =>
        reject(new TransactionTimeoutError(timeoutMs)),
      );
      promise.then(resolve, reject).finally(cancel);
    });
  }

  #refuseWhenClosed(): void {
    if (!this.#closed) return;
    throw new StoreUnavailableError('The application is shutting down and begins no transactions.');
  }
}

function requireBindable(instance: unknown): void {
  const isObject = typeof instance === 'object' && instance !== null;
  if (isObject && (Object.isExtensible(instance) || readManagerSlot(instance) !== undefined))
    return;
  const what = isObject
    ? 'a frozen object; bind it before it is frozen'
    : `${inspect(instance, { depth: 0 })}; give it an instance of a class with @Transactional() methods`;
  throw new TransactionOptionsError(`transactionManager.bind() was given ${what}.`);
}

function narrow(
  scope: TransactionScope,
  inner: ResolvedOptions,
  savepoint: Savepoint | undefined,
): TransactionScope {
  const readOnly = scope.readOnly || inner.given.readOnly === true;
  if (readOnly === scope.readOnly && savepoint === scope.savepoint) return scope;
  return new TransactionScope(scope.transaction, readOnly, savepoint);
}

function sharedStore(coordinator: Coordinator): SharedStore | undefined {
  const keeper = coordinator.store.turnKeeper;
  return keeper && { keeper, read: (keys, until) => coordinator.read(keys, until) };
}
