import type { Clock } from '../store/clock.js';

const secondMs = 1_000;

/** Above it Memcached takes the number for seconds since 1970. */
const mostRelativeSeconds = 30 * 24 * 60 * 60;

/**
 * The expiry as Memcached takes it, in seconds; 0 is for ever. It counts whole seconds of a clock of its own,
 * and the one that has begun counts too: one more is added, so that a text stays at least as long as it should.
 */
export function exptimeOf(expiresInMs: number | undefined, clock: Clock): number {
  if (expiresInMs === undefined) return 0;
  const seconds = Math.ceil(expiresInMs / secondMs) + 1;
  if (seconds <= mostRelativeSeconds) return seconds;
  return Math.ceil(clock.time() / secondMs) + seconds;
}
