import { Logger } from '@nestjs/common';
import { CommitEvents } from '../commit/commit-events.js';
import { Coordinator } from '../commit/coordinator.js';
import { RecoveryService } from '../commit/recovery-service.js';
import { ParticipantRegistry } from '../participants/participant-registry.js';
import type { Participant, ParticipantEnvironment } from '../participants/participant.js';
import { StoreRefusedError } from '../errors/index.js';
import { systemClock, type Clock } from '../store/clock.js';
import { EmbeddedStore } from '../store/embedded/embedded-store.js';
import { RedisStore } from '../store/redis/redis-store.js';
import { StoreGroup } from '../store/store-group.js';
import type { VersionedStore } from '../store/versioned-store.js';
import { IdSource } from '../transaction/random.js';
import { TransactionManager } from '../transaction/transaction-manager.js';
import type { DistributedTxModuleOptions, StoreOptions } from './distributed-tx.options.js';
import { resolveModuleOptions, type ResolvedModuleOptions } from './resolve-options.js';

/** How long one round of recovery may take. */
const RECOVERY_TIMEOUT_MS = 10_000;

/** Everything one application needs, wired: its stores, its coordinator, its manager. */
export class DistributedTxRuntime {
  readonly options: ResolvedModuleOptions;
  readonly stores: ReadonlyMap<string, VersionedStore>;
  readonly coordinator: Coordinator;
  readonly manager: TransactionManager;
  readonly recovery: RecoveryService;
  readonly clock: Clock;
  readonly participants = new ParticipantRegistry();
  readonly #log = new Logger('DistributedTx');
  /** All stores as one. */
  readonly #store: VersionedStore;
  #opening: Promise<this> | undefined;

  /** @throws ModuleOptionsError */
  constructor(given: DistributedTxModuleOptions) {
    const options = resolveModuleOptions(given);
    const log = this.#log;
    const ids = new IdSource();
    this.options = options;
    this.clock = given.clock ?? systemClock;
    this.stores = new Map(
      [...options.stores].map(([name, way]) => [name, this.#createStore(name, way, ids, log)]),
    );
    const random = given.random ?? Math.random;
    const events = new CommitEvents(log);
    const store =
      this.stores.size > 1 ? new StoreGroup(this.stores) : [...this.stores.values()][0]!;
    this.#store = store;
    this.coordinator = new Coordinator(store, this.clock, {
      instance: ids.processTag,
      heartbeat: options.recovery,
      events,
      participants: this.participants,
      random,
    });
    this.recovery = new RecoveryService({
      instance: ids.processTag,
      store,
      caches: [...this.stores.values()],
      clock: this.clock,
      random,
      options: { ...options.recovery, timeoutMs: RECOVERY_TIMEOUT_MS },
      log,
      events,
      participants: this.participants,
    });
    this.manager = new TransactionManager({
      coordinator: this.coordinator,
      clock: this.clock,
      random,
      ids,
      defaults: options.defaults,
      maxTimeoutMs: options.lifetime.longestTimeoutMs,
      hookTimeoutMs: options.hookTimeoutMs,
      handOver: options.handOver,
      limits: options.limits,
      participants: this.participants,
      log,
    });
  }

  /**
   * Opens the stores, once, and these participants.
   * @throws StoreUnavailableError, StoreRefusedError, ModuleOptionsError and what a participant rejects with;
   *   what was opened before is closed again.
   */
  async open(participants: readonly Participant[] = []): Promise<this> {
    this.#opening ??= this.#open();
    await this.#opening;
    try {
      for (const participant of participants) this.provide(participant);
      await Promise.all(
        participants.map(async (one) => one.open?.(this.#participantEnvironment(one))),
      );
    } catch (error) {
      await this.#closeAll();
      throw error;
    }
    this.recovery.start();
    return this;
  }

  /** Transactions of this application may enlist it from now on. @throws ModuleOptionsError */
  provide(participant: Participant): void {
    this.participants.add(participant);
    if (isBindable(participant)) participant.bindTo(this.manager);
  }

  /** Lets everything in flight end; connections close last. */
  async close(): Promise<void> {
    await this.manager.close();
    await this.recovery.close();
    await this.coordinator.close();
    await this.#closeAll();
  }

  async #open(): Promise<this> {
    try {
      await this.#store.open();
      this.#assertKeepsRecords();
      if (this.options.startup === 'eager') {
        await this.#store.learn?.(this.clock.now() + this.options.connectTimeoutMs);
      }
    } catch (error) {
      await this.#closeAll();
      throw error;
    }
    return this;
  }

  #assertKeepsRecords(): void {
    if (this.#store.keepsRecords) return;
    throw new StoreRefusedError(
      'The default store may forget what is written, so the records of transactions cannot lie there. Make a ' +
        'store the default one that keeps what it is given; this one can stand beside it.',
    );
  }

  async #closeAll(): Promise<void> {
    const all = [...this.participants, ...this.stores.values()];
    await Promise.allSettled(all.map(async (one) => one.close?.()));
  }

  #participantEnvironment({ name }: Participant): ParticipantEnvironment {
    const { marginMs, retentionMs, longestTimeoutMs } = this.options.lifetime;
    const now = this.clock.now.bind(this.clock);
    const warn = (message: string): void => this.#log.warn(`Participant ${name}: ${message}`);
    return { marginMs, retentionMs, longestTimeoutMs, now, warn };
  }

  #createStore(name: string, way: StoreOptions, ids: IdSource, log: Logger): VersionedStore {
    const context = {
      name,
      clock: this.clock,
      lifetime: this.options.lifetime,
      amongOthers: this.options.stores.size > 1,
      connectTimeoutMs: this.options.connectTimeoutMs,
    };
    if (typeof way === 'function') return way(context);
    if (way === 'embedded') return new EmbeddedStore(context);
    const { startup, connectTimeoutMs, commandTimeoutMs, allowEvictionPolicy, durability } =
      this.options;
    return new RedisStore({
      ...context,
      redis: way.redis,
      startup,
      connectTimeoutMs,
      commandTimeoutMs,
      allowEvictionPolicy,
      durability,
      processTag: ids.processTag,
      warn: (message) => log.warn(`Store ${name}: ${message}`),
    });
  }
}

/** It follows the context of the manager by itself. */
function isBindable(
  participant: Participant,
): participant is Participant & { bindTo(manager: TransactionManager): void } {
  return typeof (participant as { bindTo?: unknown }).bindTo === 'function';
}
