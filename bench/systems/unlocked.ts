import { setTimeout as sleep } from 'node:timers/promises';

const WAIT_MS_MAX = 5000;
const PAUSE_MS = 20;

/**
 * Reads stored strings until none of them bears a lock: a transfer over several slots is answered
 * once it is decided, while its last write is still on its way.
 *
 * @throws Error when a lock is left after five seconds; nobody would have removed it.
 */
export async function readUnlocked(read: () => Promise<string[]>): Promise<string[]> {
  const untilMs = performance.now() + WAIT_MS_MAX;
  for (;;) {
    const values = await read();
    const locked = values.filter(isLocked);
    if (locked.length === 0) return values;
    if (performance.now() > untilMs) {
      throw new Error(`${locked.length} items are locked for good, such as ${locked[0]}`);
    }
    await sleep(PAUSE_MS);
  }
}

/** The library and `hand-written-2pc` both write a lock as `*…` before the first bar. */
function isLocked(stored: string): boolean {
  return stored.slice(0, stored.indexOf('|')).includes('*');
}
