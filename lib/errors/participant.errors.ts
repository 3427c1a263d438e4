import { DistributedTxError } from './distributed-tx.error.js';
import { ERROR_CODES } from './error-code.js';

/** A participant is used in a way that its transaction cannot have, or is not set up. Nothing was written. */
export class ParticipantUsageError extends DistributedTxError {
  override readonly name = 'ParticipantUsageError';
  readonly code = ERROR_CODES.PARTICIPANT_USAGE;
  readonly category = 'user';
}

/**
 * A participant lost against another transaction: a deadlock, a serialization failure. The transaction was
 * rolled back everywhere; the call is made again by itself, as after any conflict.
 */
export class ParticipantConflictError extends DistributedTxError {
  override readonly name = 'ParticipantConflictError';
  readonly code = ERROR_CODES.PARTICIPANT_CONFLICT;
  readonly category = 'conflict';
}

/** A participant cannot be reached, or has no connection to spare in time. Nothing was written. */
export class ParticipantUnavailableError extends DistributedTxError {
  override readonly name = 'ParticipantUnavailableError';
  readonly code = ERROR_CODES.PARTICIPANT_UNAVAILABLE;
  readonly category = 'internal';
}

/** A participant answers, but will not or must not do its part. Nothing was written. */
export class ParticipantRefusedError extends DistributedTxError {
  override readonly name = 'ParticipantRefusedError';
  readonly code = ERROR_CODES.PARTICIPANT_REFUSED;
  readonly category = 'internal';
}
