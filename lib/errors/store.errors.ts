import { DistributedTxError } from './distributed-tx.error.js';
import { ERROR_CODES } from './error-code.js';

/** The store cannot be reached, or did not answer in time. Nothing of the transaction was written. */
export class StoreUnavailableError extends DistributedTxError {
  override readonly name = 'StoreUnavailableError';
  readonly code = ERROR_CODES.STORE_UNAVAILABLE;
  readonly category = 'internal';
}

/**
 * The store answers, but will not or must not do the work: out of memory, a read-only replica, a
 * command denied by ACL, a wrong password, a policy that evicts. Nothing was written. The server's
 * own error is the `cause`.
 */
export class StoreRefusedError extends DistributedTxError {
  override readonly name = 'StoreRefusedError';
  readonly code = ERROR_CODES.STORE_REFUSED;
  readonly category = 'internal';
}

/** Something that must never happen did: a defect of this library or a store that breaks its word. */
export class InvariantViolationError extends DistributedTxError {
  override readonly name = 'InvariantViolationError';
  readonly code = ERROR_CODES.INVARIANT_VIOLATION;
  readonly category = 'internal';
}
