import type { SeenText } from './single-key-cache.js';

const MOST = 10_000;

/**
 * What a key last looked like, so that a step can compare and set without reading first. It may be stale:
 * nothing is ever answered by it alone.
 */
export class SeenTexts {
  readonly #most: number;
  readonly #seen = new Map<string, SeenText>();

  constructor(most = MOST) {
    this.#most = most;
  }

  get(key: string): SeenText | undefined {
    return this.#seen.get(key);
  }

  has(key: string): boolean {
    return this.#seen.has(key);
  }

  /** Undefined where nothing stands, or nothing is known any more. */
  set(key: string, seen: SeenText | undefined): void {
    this.#seen.delete(key);
    if (seen === undefined) return;
    this.#seen.set(key, seen);
    if (this.#seen.size <= this.#most) return;
    const [oldest] = this.#seen.keys();
    this.#seen.delete(oldest!);
  }
}
