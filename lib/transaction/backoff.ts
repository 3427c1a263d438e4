import type { Random } from './random.js';

/** How a call is repeated after conflicts. */
export interface RetryOptions {
  /** How many attempts a call has, the first included. Minimum 1. @default 10 */
  readonly attempts?: number;
  /** The longest wait before the second attempt, in milliseconds; doubled for each further one. @default 1 */
  readonly backoffMs?: number;
  /** No wait is longer than this, in milliseconds. @default 128 */
  readonly maxBackoffMs?: number;
  /**
   * After so many attempts that failed, what the last one has touched is locked in the store before the next one
   * runs, so that it cannot fail for the same reason. As many as `attempts`: never. Minimum 1. @default 4
   */
  readonly lockAfter?: number;
}

/**
 * How long to wait before the next attempt: anywhere between nothing and the doubled bound ("full
 * jitter", M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
 */
export function backoffDelayMs(
  failedAttempts: number,
  retry: Pick<Required<RetryOptions>, 'backoffMs' | 'maxBackoffMs'>,
  random: Random,
): number {
  return random() * Math.min(retry.maxBackoffMs, retry.backoffMs * 2 ** (failedAttempts - 1));
}
