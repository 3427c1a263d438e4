/** One call as its client sees it. The system counts in it. */
export interface Call {
  /** How often the work was started. What exceeds one was lost to conflicts. */
  attempts: number;
}

/** No commit within the time or the attempts that a call has; nothing is written. */
export class GaveUpError extends Error {
  override readonly name = 'GaveUpError';

  constructor(cause?: unknown) {
    super('The call gave up.', { cause });
  }
}

/** What a call has, in all systems: the default `timeoutMs` of the library. */
export const CALL_TIMEOUT_MS = 5000;
