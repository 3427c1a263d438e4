import {
  ParticipantUnavailableError,
  StoreRefusedError,
  StoreUnavailableError,
  TransactionOutcomeUnknownError,
} from '../errors/index.js';
import { CommitReplyLostError } from '../store/versioned-store.js';

/**
 * An error that no store is supposed to answer with: a fault of this library, a broken record, a reply
 * that nobody understands. It says nothing of what happened, and comes again however often one asks.
 */
export function isFault(error: unknown): boolean {
  return !(
    error instanceof StoreUnavailableError ||
    error instanceof ParticipantUnavailableError ||
    error instanceof StoreRefusedError ||
    error instanceof TransactionOutcomeUnknownError ||
    error instanceof CommitReplyLostError
  );
}
