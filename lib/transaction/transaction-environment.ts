import type { Coordinator } from '../commit/coordinator.js';
import type { ParticipantRegistry } from '../participants/participant-registry.js';
import type { HotItems } from './hot-items.js';
import type { TransactionLimits } from './limits.js';
import type { Savepoint } from './operation-log.js';
import type { ResolvedOptions } from './transaction-options.js';
import type { Transaction } from './transaction.js';

/** What all transactions of a manager share. */
export interface TransactionEnvironment {
  readonly coordinator: Coordinator;
  readonly limits: TransactionLimits;
  readonly control: TransactionControl;
  readonly participants: ParticipantRegistry;
  /** Undefined: whoever contends for an item meets the others at commit. */
  readonly hotItems: HotItems | undefined;
}

/** What one of them is; the manager begins it. */
export interface TransactionSetup {
  readonly id: string;
  readonly callId: string;
  readonly attempt: number;
  readonly options: ResolvedOptions;
  /** Local monotonic milliseconds. */
  readonly until: number;
}

/** What a transaction asks its manager for. */
export interface TransactionControl {
  /** The savepoint that is current in the calling context. */
  savepointIn(transaction: Transaction): Savepoint | undefined;
  run<T>(transaction: Transaction, work: () => Promise<T>): Promise<T>;
  commit(transaction: Transaction): Promise<void>;
  rollback(transaction: Transaction, reason: unknown): Promise<void>;
}

/** Where a write comes from: the savepoint it belongs to, and whether it is allowed there. */
export interface WriteScope {
  readonly savepoint: Savepoint | undefined;
  /** @throws TransactionReadOnlyError */
  assertWritable(): void;
}
