import { setTimeout as sleep } from 'node:timers/promises';

const ATTEMPTS_MAX = 1000;
const PAUSE_MS_MAX = 16;

/**
 * Runs an optimistic attempt until it commits. The first conflict is retried at once, which is best
 * where conflicts are rare; from the second on with full jitter, so that hot keys do not collapse.
 */
export async function retryUntilCommitted(attempt: () => Promise<boolean>): Promise<void> {
  for (let made = 1; made <= ATTEMPTS_MAX; made += 1) {
    if (await attempt()) return;
    if (made > 1) await sleep(Math.random() * Math.min(PAUSE_MS_MAX, 2 ** (made - 2)));
  }
  throw new Error(`No commit in ${ATTEMPTS_MAX} attempts.`);
}
