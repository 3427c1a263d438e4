import { Logger } from '@nestjs/common';
import type { DistributedTxModuleOptions } from '../../lib/module/distributed-tx.options.js';
import { DistributedTxRuntime } from '../../lib/module/distributed-tx.runtime.js';
import { RepositoryFactory } from '../../lib/module/repository-factory.js';
import { definitionOf, type EntityClass } from '../../lib/repository/entity-definition.js';
import type { TxRepository } from '../../lib/repository/tx-repository.js';
import { EmbeddedStore } from '../../lib/store/embedded/embedded-store.js';
import type { Journal } from '../../lib/store/journal.js';
import type { TransactionAddress } from '../../lib/store/transaction-address.js';
import type {
  AnnounceReply,
  AppliedStatus,
  FencedOutcome,
  HeldItem,
  OnePhaseCommit,
  OnePhaseReply,
  PendingTransaction,
  PrepareReply,
  PrepareRequest,
  ReadReply,
  RecordedOutcome,
  TransactionRecord,
  VersionedStore,
} from '../../lib/store/versioned-store.js';
import type { TransactionManager } from '../../lib/transaction/transaction-manager.js';

/** An embedded store on whose steps a test can wait, and which it can make fail. */
export class ScriptedStore implements VersionedStore {
  readonly name = 'default';
  readonly inner: EmbeddedStore;
  readonly calls = { read: 0, commit: 0, fence: 0 };
  beforeRead: (keys: readonly string[]) => Promise<void> | void = () => undefined;
  aroundCommit: (
    commit: OnePhaseCommit,
    next: () => Promise<OnePhaseReply>,
  ) => Promise<OnePhaseReply> = (_, next) => next();
  aroundFence: (
    next: () => ReturnType<VersionedStore['fence']>,
  ) => ReturnType<VersionedStore['fence']> = (next) => next();

  constructor(inner: EmbeddedStore) {
    this.inner = inner;
  }

  get spansNodes(): boolean {
    return this.inner.spansNodes;
  }
  get keepsRecords(): boolean {
    return this.inner.keepsRecords;
  }
  get journal(): Journal {
    return this.inner.journal;
  }
  open(): Promise<void> {
    return this.inner.open();
  }
  nodeOf(key: string): string {
    return this.inner.nodeOf(key);
  }
  recordNodeOf(address: TransactionAddress): string {
    return this.inner.recordNodeOf(address);
  }
  announcesFirst(): boolean {
    return this.inner.announcesFirst();
  }
  isHome(address: TransactionAddress): Promise<boolean> {
    return this.inner.isHome(address);
  }
  holds(key: string): boolean {
    return this.inner.holds(key);
  }
  homeOf(keys: readonly string[]): string {
    return this.inner.homeOf(keys);
  }
  toNodeTime(localMs: number): number {
    return this.inner.toNodeTime(localMs);
  }
  async read(keys: readonly string[]): Promise<ReadReply> {
    this.calls.read++;
    await this.beforeRead(keys);
    return this.inner.read(keys);
  }
  commitOnePhase(commit: OnePhaseCommit): Promise<OnePhaseReply> {
    this.calls.commit++;
    return this.aroundCommit(commit, () => this.inner.commitOnePhase(commit));
  }
  prepare(request: PrepareRequest): Promise<PrepareReply> {
    return this.inner.prepare(request);
  }
  apply(
    address: TransactionAddress,
    items: readonly HeldItem[],
  ): Promise<readonly AppliedStatus[]> {
    return this.inner.apply(address, items);
  }
  release(address: TransactionAddress, keys: readonly string[]): Promise<void> {
    return this.inner.release(address, keys);
  }
  record(address: TransactionAddress): Promise<TransactionRecord | undefined> {
    return this.inner.record(address);
  }
  retire(address: TransactionAddress): Promise<void> {
    return this.inner.retire(address);
  }
  announce(pending: PendingTransaction): Promise<AnnounceReply> {
    return this.inner.announce(pending);
  }
  conclude(
    address: TransactionAddress,
    outcome: 'committed' | 'rolled_back',
  ): Promise<FencedOutcome> {
    return this.inner.conclude(address, outcome);
  }
  identity(): Promise<string> {
    return this.inner.identity();
  }
  fence(address: TransactionAddress): ReturnType<VersionedStore['fence']> {
    this.calls.fence++;
    return this.aroundFence(() => this.inner.fence(address));
  }
  outcome(address: TransactionAddress): Promise<RecordedOutcome> {
    return this.inner.outcome(address);
  }
  ping(): Promise<void> {
    return this.inner.ping();
  }
  close(): Promise<void> {
    return this.inner.close();
  }
}

export interface ScriptedTransactions {
  readonly manager: TransactionManager;
  readonly store: ScriptedStore;
  /** What was written to the log as an error, in order. */
  readonly loggedErrors: string[];
  /** What was written to the log as a warning, in order. */
  readonly loggedWarnings: string[];
  repository<T extends object>(entity: EntityClass<T>): TxRepository<T>;
}

/** Transactions over a scripted store; retries wait for no time unless `random` says otherwise. */
export function createScriptedTransactions(
  options: Omit<DistributedTxModuleOptions, 'redis' | 'store' | 'stores'> = {},
): ScriptedTransactions {
  const loggedErrors: string[] = [];
  const loggedWarnings: string[] = [];
  const silent = (): void => undefined;
  const warn = (message: string): void => void loggedWarnings.push(message);
  const error = (message: string, stack?: unknown): void => {
    loggedErrors.push(`${message} ${String(stack)}`);
  };
  Logger.overrideLogger({ log: silent, warn, debug: silent, error });
  let store: ScriptedStore | undefined;
  const runtime = new DistributedTxRuntime({
    random: () => 0,
    ...options,
    stores: { default: (context) => (store = new ScriptedStore(new EmbeddedStore(context))) },
  });
  const factory = new RepositoryFactory(runtime);
  return {
    manager: runtime.manager,
    store: store!,
    loggedErrors,
    loggedWarnings,
    repository: (entity) => factory.create(definitionOf(entity)),
  };
}

/** A promise that a test settles. */
export interface Gate {
  readonly opened: Promise<void>;
  open(): void;
}

export function gate(): Gate {
  let open!: () => void;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}

/** What a call was answered with, so far. */
export interface Answer {
  value?: unknown;
  error?: unknown;
}

/** Watches a call without waiting for it. */
export function watch(call: Promise<unknown>): Answer {
  const answer: Answer = {};
  call.then(
    (value) => (answer.value = value),
    (error: unknown) => (answer.error = error),
  );
  return answer;
}
