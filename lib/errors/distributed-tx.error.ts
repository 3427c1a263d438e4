import type { ErrorCategory, ErrorCode } from './error-code.js';

/** Names the attempt an error belongs to, without any of its data. */
export interface TransactionReference {
  /** The name of the whole call; the same for all of its attempts. */
  readonly callId: string;
  /** 1 for the first attempt of a call. */
  readonly attempt: number;
}

/** The base of every error that this library throws on purpose. */
export abstract class DistributedTxError extends Error {
  abstract override readonly name: string;
  /** Stable across releases, unlike the message. */
  abstract readonly code: ErrorCode;
  abstract readonly category: ErrorCategory;
  /** The transaction the error happened in, where there was one. */
  transaction?: TransactionReference;

  constructor(message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
  }
}
