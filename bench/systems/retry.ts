import { setTimeout as sleep } from 'node:timers/promises';

const ATTEMPTS_MAX = 1000;
const PAUSE_MS_MAX = 16;

/**
 * Runs an optimistic attempt until it commits. The first conflict is retried at once, which is best
 * where conflicts are rare; from the second on with full jitter, so that hot keys do not collapse.
 */
export async function retryUntilCommitted(attempt: () => Promise<boolean>): Promise<void> {
  await retry(attempt, 1);
}

/** The same with a pause after the first conflict already, which is best where all is contended. */
export async function retryAfterPause(attempt: () => Promise<boolean>): Promise<void> {
  await retry(attempt, 0);
}

async function retry(attempt: () => Promise<boolean>, atOnce: number): Promise<void> {
  for (let made = 1; made <= ATTEMPTS_MAX; made += 1) {
    if (await attempt()) return;
    const paused = made - atOnce;
    if (paused > 0) await sleep(Math.random() * Math.min(PAUSE_MS_MAX, 2 ** (paused - 1)));
  }
  throw new Error(`No commit in ${ATTEMPTS_MAX} attempts.`);
}
