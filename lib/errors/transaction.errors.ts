import { DistributedTxError } from './distributed-tx.error.js';
import { ERROR_CODES, type ErrorCode } from './error-code.js';

/** Propagation MANDATORY was asked for where no transaction is running. */
export class TransactionRequiredError extends DistributedTxError {
  override readonly name = 'TransactionRequiredError';
  readonly code = ERROR_CODES.TRANSACTION_REQUIRED;
  readonly category = 'user';
}

/** Propagation NEVER was asked for inside a transaction. */
export class TransactionNotAllowedError extends DistributedTxError {
  override readonly name = 'TransactionNotAllowedError';
  readonly code = ERROR_CODES.TRANSACTION_NOT_ALLOWED;
  readonly category = 'user';
}

/** An operation came to a transaction that has ended, or that is being committed. */
export class TransactionClosedError extends DistributedTxError {
  override readonly name = 'TransactionClosedError';
  readonly code = ERROR_CODES.TRANSACTION_CLOSED;
  readonly category = 'user';
}

/**
 * The method returned normally, but its transaction had been marked for roll back before: by an inner
 * transactional method whose error was caught, or by `rollback()`. That error, or reason, is the `cause`.
 */
export class TransactionRolledBackError extends DistributedTxError {
  override readonly name = 'TransactionRolledBackError';
  readonly code = ERROR_CODES.TRANSACTION_ROLLED_BACK;
  readonly category = 'user';
}

/** A write was tried in a transaction, or inside a method, that is read-only. */
export class TransactionReadOnlyError extends DistributedTxError {
  override readonly name = 'TransactionReadOnlyError';
  readonly code = ERROR_CODES.TRANSACTION_READ_ONLY;
  readonly category = 'user';
}

/** A transaction, an item or a key is larger than the limits in the module's options. */
export class LimitExceededError extends DistributedTxError {
  override readonly name = 'LimitExceededError';
  readonly code = ERROR_CODES.LIMIT_EXCEEDED;
  readonly category = 'user';

  constructor(
    readonly limit: string,
    readonly allowed: number,
    readonly actual: number,
  ) {
    super(
      `limits.${limit} allows ${allowed}, this transaction asks for ${actual}. Nothing was written. ` +
        'Split the work, or raise the limit in forRoot({ limits }).',
    );
  }
}

/** A text is not the address of a transaction. */
export class TransactionAddressError extends DistributedTxError {
  override readonly name = 'TransactionAddressError';
  readonly code = ERROR_CODES.ADDRESS_INVALID;
  readonly category = 'user';
}

/** The whole call took longer than `timeoutMs`. It was rolled back; nothing was written. */
export class TransactionTimeoutError extends DistributedTxError {
  override readonly name = 'TransactionTimeoutError';
  readonly code = ERROR_CODES.TRANSACTION_TIMEOUT;
  readonly category = 'internal';

  constructor(
    readonly timeoutMs: number,
    options?: { readonly cause?: unknown },
  ) {
    super(
      `The transaction did not finish within ${timeoutMs} ms and was rolled back. ` +
        'Do less in it, or raise `timeoutMs`.',
      options,
    );
  }
}

/** Nobody listens any more to the Observable of a transactional method; it was rolled back. */
export class StreamUnsubscribedError extends DistributedTxError {
  override readonly name = 'StreamUnsubscribedError';
  readonly code = ERROR_CODES.STREAM_UNSUBSCRIBED;
  readonly category = 'internal';

  constructor() {
    super('The Observable was unsubscribed before it completed; its transaction was rolled back.');
  }
}

/** What a conflict was about. */
export interface ConflictDetails {
  /** The key of the item in the store. */
  readonly item: string;
  /** The version this transaction saw; `0` is an absent item. */
  readonly versionSeen: string;
  /**
   * The version that stood at commit; `0` is an absent item. The same as `versionSeen` where another
   * transaction held the item, whose outcome was not decided.
   */
  readonly versionFound: string;
  /**
   * The id of the transaction that wrote the version found; undefined where the item is gone, and
   * where nobody has won yet.
   */
  readonly winner: string | undefined;
}

function whatStood({ versionSeen, versionFound, winner }: ConflictDetails): string {
  if (versionSeen === versionFound) {
    return `another transaction holds it, whose outcome is not decided; it is at version ${versionFound}`;
  }
  const writer = winner === undefined ? '' : `, written by transaction ${winner}`;
  return `this transaction saw version ${versionSeen}, found ${versionFound}${writer}`;
}

/**
 * Another transaction changed an item that this one depends on, or holds it, and all attempts are used
 * up.
 */
export class TransactionConflictError extends DistributedTxError implements ConflictDetails {
  override readonly name = 'TransactionConflictError';
  readonly code = ERROR_CODES.TRANSACTION_CONFLICT;
  readonly category = 'conflict';
  readonly item: string;
  readonly versionSeen: string;
  readonly versionFound: string;
  readonly winner: string | undefined;

  constructor(details: ConflictDetails) {
    super(
      `Conflict on ${quoteKey(details.item)}: ${whatStood(details)}. ` +
        'Nothing was written; the call may be made again.',
    );
    this.item = details.item;
    this.versionSeen = details.versionSeen;
    this.versionFound = details.versionFound;
    this.winner = details.winner;
  }
}

/**
 * The commit was sent and its reply was lost, and the store could not be asked until the deadline.
 * `transactionManager.outcomeOf(error.address)` tells the outcome once the store answers again.
 */
export class TransactionOutcomeUnknownError extends DistributedTxError {
  override readonly name: string = 'TransactionOutcomeUnknownError';
  readonly code: ErrorCode = ERROR_CODES.OUTCOME_UNKNOWN;
  readonly category = 'outcome-unknown';

  constructor(
    readonly address: string,
    options?: { readonly cause?: unknown; readonly what?: string },
  ) {
    const what = options?.what ?? 'its commit may or may not have happened';
    super(
      `The outcome of transaction ${address} is unknown: ${what}. ` +
        'Do not repeat the work before transactionManager.outcomeOf(address) has answered.',
      options,
    );
  }
}

/**
 * The commit happened on the master, and too few of its replicas had it in time (`durability`): it stands,
 * unless the master is lost before they have. `outcomeOf` answers once enough of them have it, or once
 * another master has taken over, with what that one knows.
 */
export class DurabilityNotReachedError extends TransactionOutcomeUnknownError {
  override readonly name = 'DurabilityNotReachedError';
  override readonly code = ERROR_CODES.DURABILITY_NOT_REACHED;

  constructor(address: string, options?: { readonly cause?: unknown }) {
    super(address, {
      cause: options?.cause,
      what: 'it is committed on its master, and not on as many replicas as `durability` asks for',
    });
  }
}

/** Keys may hold anything; a message holds printable text of bounded length. */
export function quoteKey(key: string): string {
  return JSON.stringify(key.length > 120 ? `${key.slice(0, 120)}…` : key);
}
