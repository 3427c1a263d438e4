import type { Clock } from '../../lib/store/clock.js';
import type { SeenText, SingleKeyCache } from '../../lib/store/single-key/single-key-cache.js';
import { CommitReplyLostError } from '../../lib/store/versioned-store.js';

export interface MemoryCacheOptions {
  readonly clock: Clock;
  /** @default true */
  readonly expires?: boolean;
  /** The reply to every so many-th write is lost. @default none */
  readonly losesEvery?: number;
}

interface Cell {
  readonly text: string;
  readonly token: number;
  readonly expiresAtMs: number;
}

/** A cache in memory that can compare and set one key at a time. */
export class MemoryCache implements SingleKeyCache {
  readonly kind = 'MemoryCache';
  readonly expires: boolean;
  readonly sweep?: SingleKeyCache['sweep'];
  readonly #clock: Clock;
  readonly #losesEvery: number;
  readonly #cells = new Map<string, Cell>();
  #tokens = 0;
  #writes = 0;

  constructor({ clock, expires = true, losesEvery = Infinity }: MemoryCacheOptions) {
    this.#clock = clock;
    this.expires = expires;
    this.#losesEvery = losesEvery;
    if (!expires) this.sweep = async (isOver) => this.#sweep(isOver);
  }

  async open(): Promise<void> {}

  async get(keys: readonly string[]): Promise<readonly (SeenText | undefined)[]> {
    return keys.map((key) => this.#find(key));
  }

  async add(key: string, text: string, ttlMs?: number): Promise<SeenText | undefined> {
    return this.#answered(this.#find(key) ? undefined : this.#put(key, text, ttlMs));
  }

  async replace(
    key: string,
    seen: SeenText,
    text: string,
    ttlMs?: number,
  ): Promise<SeenText | undefined> {
    return this.#answered(this.#stands(key, seen) ? this.#put(key, text, ttlMs) : undefined);
  }

  async remove(key: string, seen: SeenText): Promise<boolean> {
    return this.#answered(this.#stands(key, seen) && this.#cells.delete(key));
  }

  async ping(): Promise<void> {}

  async close(): Promise<void> {}

  /** Puts a text under a key as another program would. */
  setRaw(key: string, text: string): void {
    this.#put(key, text);
  }

  peekRaw(key: string): string | undefined {
    return this.#find(key)?.text;
  }

  #find(key: string): Cell | undefined {
    const cell = this.#cells.get(key);
    if (cell !== undefined && this.expires && cell.expiresAtMs <= this.#clock.time()) {
      this.#cells.delete(key);
      return undefined;
    }
    return cell;
  }

  #stands(key: string, { text, token }: SeenText): boolean {
    const cell = this.#find(key);
    return cell !== undefined && cell.text === text && cell.token === token;
  }

  #put(key: string, text: string, ttlMs = Infinity): Cell {
    const cell = { text, token: ++this.#tokens, expiresAtMs: this.#clock.time() + ttlMs };
    this.#cells.set(key, cell);
    return cell;
  }

  #answered<R>(reply: R): R {
    if (++this.#writes % this.#losesEvery === 0) throw new CommitReplyLostError('lost');
    return reply;
  }

  #sweep(isOver: (text: string) => boolean): void {
    for (const [key, { text }] of this.#cells) if (isOver(text)) this.#cells.delete(key);
  }
}
