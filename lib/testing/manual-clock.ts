import { setImmediate as nextTurn } from 'node:timers';
import type { Cancel, Clock } from '../store/clock.js';

/** How a `ManualClock` begins. */
export interface ManualClockOptions {
  /** What `time()` says at first, in milliseconds since 1970. @default the start of 2026, UTC */
  readonly timeMs?: number;
}

interface Scheduled {
  readonly dueAtMs: number;
  readonly callback: () => void;
}

/** So many turns of the event loop let every chain of promises run that waits for no I/O. */
const TURNS = 2;

/**
 * A clock that stands still until a test moves it. Time-outs, back-offs and expiries then happen
 * exactly when the test says so, without any waiting.
 */
export class ManualClock implements Clock {
  readonly #startedAtMs: number;
  #elapsedMs = 0;
  #scheduled: Scheduled[] = [];

  constructor({ timeMs = Date.UTC(2026, 0, 1) }: ManualClockOptions = {}) {
    this.#startedAtMs = timeMs;
  }

  /** How many milliseconds the clock was moved since it was made. */
  now(): number {
    return this.#elapsedMs;
  }

  time(): number {
    return this.#startedAtMs + this.#elapsedMs;
  }

  schedule(delayMs: number, callback: () => void): Cancel {
    const entry = { dueAtMs: this.#elapsedMs + Math.max(delayMs, 0), callback };
    this.#scheduled.push(entry);
    return () => {
      this.#scheduled = this.#scheduled.filter((other) => other !== entry);
    };
  }

  /** How many callbacks wait for their time. */
  get pending(): number {
    return this.#scheduled.length;
  }

  /**
   * Moves the clock and calls what becomes due, in the order of time and, at one time, of scheduling.
   * Before, between and after the calls, everything that waits for promises only goes as far as it can.
   *
   * @throws RangeError for a time that is negative or not finite, and what a callback throws.
   */
  async advance(ms: number): Promise<void> {
    if (!(ms >= 0 && Number.isFinite(ms))) {
      throw new RangeError(`A clock cannot be advanced by ${ms} ms.`);
    }
    const targetMs = this.#elapsedMs + ms;
    await settle();
    for (let next = this.#takeDue(targetMs); next !== undefined; next = this.#takeDue(targetMs)) {
      this.#elapsedMs = Math.max(this.#elapsedMs, next.dueAtMs);
      next.callback();
      await settle();
    }
    this.#elapsedMs = Math.max(this.#elapsedMs, targetMs);
  }

  #takeDue(targetMs: number): Scheduled | undefined {
    let first: Scheduled | undefined;
    for (const entry of this.#scheduled) {
      if (entry.dueAtMs <= targetMs && (first === undefined || entry.dueAtMs < first.dueAtMs)) {
        first = entry;
      }
    }
    this.#scheduled = this.#scheduled.filter((entry) => entry !== first);
    return first;
  }
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn++) {
    await new Promise<void>((resolve) => void nextTurn(resolve));
  }
}
