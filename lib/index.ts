export * from './errors/index.js';
export * from './module/index.js';
export * from './repository/index.js';
export * from './transactional/index.js';
export * from './participants/index.js';
export * from './tcc/index.js';

export { COMMIT_CHANNELS, type CommitEvent } from './commit/commit-events.js';
export { RecoveryService } from './commit/recovery-service.js';
export type { RecoveryReport } from './commit/recovery.js';
export { Propagation } from './transaction/propagation.js';
export { Transaction, type TransactionStatus } from './transaction/transaction.js';
export { TransactionManager } from './transaction/transaction-manager.js';
export type { Operation, OperationKind } from './transaction/operation.js';
export type { RetryOptions } from './transaction/backoff.js';
export type { TransactionLimits } from './transaction/limits.js';
export type {
  ErrorFilter,
  Isolation,
  TransactionDefaults,
  TransactionOptions,
} from './transaction/transaction-options.js';
export { TRANSACTION_CHANNELS, type TransactionEvent } from './transaction/transaction-events.js';

export type { Claim, Holdings, HoldingsPage, Journal, PageRequest } from './store/journal.js';
export type { Clock, Cancel } from './store/clock.js';
export type { StoredItem, ForeignValue } from './store/stored-item.js';
export type { TransactionAddress } from './store/transaction-address.js';
export type { TurnKeeper, TurnReply, TurnRequest } from './store/turn-keeper.js';
export {
  CommitReplyLostError,
  type AnnounceReply,
  type AppliedStatus,
  type CommitItem,
  type CounterIncrement,
  type FencedOutcome,
  type HeldItem,
  type ItemChange,
  type ItemRefusal,
  type OnePhaseCommit,
  type OnePhaseReply,
  type PendingTransaction,
  type PrepareReply,
  type PrepareRequest,
  type ReadReply,
  type RecordedBranch,
  type RecordedOutcome,
  type RecordLifetime,
  type TransactionRecord,
  type VersionedStore,
} from './store/versioned-store.js';
