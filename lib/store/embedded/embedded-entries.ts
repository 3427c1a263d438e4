import type { Clock } from '../clock.js';
import type { Writes } from '../judge/judge-commit.js';
import type { Entry, Replacement } from '../judge/judge-locks.js';

/** The texts of an embedded store by key, each until it expires. */
export class EmbeddedEntries {
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();
  #nextSweepAtMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get(key: string): string | undefined {
    return this.find(key)?.value;
  }

  find(key: string): Entry | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    if (entry.expiresAtMs > this.#clock.time()) return entry;
    this.#entries.delete(key);
    return undefined;
  }

  set(key: string, value: string, ttlMs: number | undefined): void {
    const expiresAtMs = ttlMs === undefined ? Number.POSITIVE_INFINITY : this.#clock.time() + ttlMs;
    this.#entries.set(key, { value, expiresAtMs });
  }

  replace(replacement: Replacement | undefined): void {
    if (replacement === undefined) return;
    const { key, entry } = replacement;
    if (entry === undefined) this.#entries.delete(key);
    else this.#entries.set(key, entry);
  }

  write(writes: Writes): void {
    for (const { key, value, ttlMs } of writes) {
      if (value === undefined) this.#entries.delete(key);
      else this.set(key, value, ttlMs);
    }
  }

  clear(): void {
    this.#entries.clear();
  }

  /** Records nobody asks for again would pile up; once a second, what has expired goes. */
  sweep(): void {
    const now = this.#clock.time();
    if (now < this.#nextSweepAtMs) return;
    this.#nextSweepAtMs = now + 1000;
    for (const [key, entry] of this.#entries) {
      if (entry.expiresAtMs <= now) this.#entries.delete(key);
    }
  }
}
