/** Where time comes from. Tests put a manual one in its place. */
export interface Clock {
  /** Monotonic local time in milliseconds. Only differences of it mean anything. */
  now(): number;
  /** Wall-clock time of this machine in milliseconds since 1970. */
  time(): number;
  /**
   * Calls `callback` once after `delayMs`; the result cancels it. Keeps the process alive meanwhile, so
   * that a script does not end while a call of it waits for its next attempt, unless it happens in the
   * background.
   */
  schedule(
    delayMs: number,
    callback: () => void,
    options?: { readonly background?: boolean },
  ): Cancel;
}

export type Cancel = () => void;

/** Resolves after `delayMs`, and keeps the process alive meanwhile. */
export function pause(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => void clock.schedule(delayMs, resolve));
}

/** Resolves when the work has ended, whatever came of it, or at `until`, whichever is earlier. */
export function endOrTimeout(clock: Clock, work: Promise<unknown>, until: number): Promise<void> {
  return new Promise((resolve) => {
    const leftMs = Math.max(until - clock.now(), 0);
    const cancel = clock.schedule(leftMs, resolve, { background: true });
    const end = (): void => {
      cancel();
      resolve();
    };
    work.then(end, end);
  });
}

export const systemClock: Clock = {
  now: () => performance.now(),
  time: () => Date.now(),
  schedule(delayMs, callback, options) {
    const timer = setTimeout(callback, delayMs);
    if (options?.background) timer.unref();
    return () => clearTimeout(timer);
  },
};
