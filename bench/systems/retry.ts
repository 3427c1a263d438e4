import { setTimeout as sleep } from 'node:timers/promises';
import { CALL_TIMEOUT_MS, GaveUpError } from './call.js';

const PAUSE_MS_MAX = 16;

/**
 * Runs an optimistic attempt until it commits. The first conflict is retried at once, which is best
 * where conflicts are rare; from the second on with full jitter, so that hot keys do not collapse.
 *
 * @throws GaveUpError when the time of a call is over.
 */
export async function retryUntilCommitted(attempt: () => Promise<boolean>): Promise<void> {
  await retry(attempt, 1);
}

/** The same with a pause after the first conflict already, which is best where all is contended. */
export async function retryAfterPause(attempt: () => Promise<boolean>): Promise<void> {
  await retry(attempt, 0);
}

async function retry(attempt: () => Promise<boolean>, atOnce: number): Promise<void> {
  const startedAtMs = performance.now();
  for (let made = 1; ; made += 1) {
    if (await attempt()) return;
    if (performance.now() - startedAtMs > CALL_TIMEOUT_MS) throw new GaveUpError();
    const paused = made - atOnce;
    if (paused > 0) await sleep(Math.random() * Math.min(PAUSE_MS_MAX, 2 ** (paused - 1)));
  }
}
