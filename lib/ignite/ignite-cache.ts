import client, { type CacheEntry } from 'apache-ignite-client';
import type { Clock } from '../store/clock.js';
import type { SeenText, SingleKeyCache } from '../store/single-key/single-key-cache.js';
import { IgniteLink } from './ignite-link.js';
import type { IgniteOptions } from './ignite-options.js';

/** Entries that are on the way at the same time, each as large as the largest item. */
const SWEEP_PAGE = 64;

/**
 * Apache Ignite 2.x by its thin client. It compares the whole value, so the text is all there is to a seen one: two
 * states of a key never have the same text, but where nothing has happened between them.
 */
export class IgniteCache implements SingleKeyCache {
  readonly kind = 'Ignite';
  /** The thin client cannot say when an entry expires. */
  readonly expires = false;
  readonly #link: IgniteLink;
  readonly #clock: Clock;

  constructor(options: IgniteOptions, clock: Clock) {
    this.#link = new IgniteLink(options, clock);
    this.#clock = clock;
  }

  open(until: number): Promise<void> {
    return this.#link.open(until);
  }

  async get(keys: readonly string[], until: number): Promise<readonly (SeenText | undefined)[]> {
    if (keys.length === 0) return [];
    const entries = await this.#link.read(until, (cache) => cache.getAll([...new Set(keys)]));
    const found = new Map(entries.map((entry) => [entry.getKey(), { text: entry.getValue() }]));
    return keys.map((key) => found.get(key));
  }

  async add(
    key: string,
    text: string,
    _expiresInMs: number | undefined,
    until: number,
  ): Promise<SeenText | undefined> {
    const isAdded = await this.#link.write(until, (cache) => cache.putIfAbsent(key, text));
    return isAdded ? { text } : undefined;
  }

  // oxlint-disable-next-line max-params -- as the interface has it
  async replace(
    key: string,
    seen: SeenText,
    text: string,
    _expiresInMs: number | undefined,
    until: number,
  ): Promise<SeenText | undefined> {
    const isReplaced = await this.#link.write(until, (cache) =>
      cache.replaceIfEquals(key, seen.text, text),
    );
    return isReplaced ? { text } : undefined;
  }

  remove(key: string, seen: SeenText, until: number): Promise<boolean> {
    return this.#link.write(until, (cache) => cache.removeIfEquals(key, seen.text));
  }

  /** A scan that is cut short is taken up by the next one. */
  async sweep(isOver: (text: string) => boolean, until: number): Promise<void> {
    await this.#link.scan(until, async (cache) => {
      const cursor = await cache.query(new client.ScanQuery().setPageSize(SWEEP_PAGE));
      // Asked for more than there is, it fails.
      const next = async (): Promise<CacheEntry | null> =>
        cursor.hasMore() && this.#clock.now() < until ? cursor.getValue() : null;
      for (let entry = await cursor.getValue(); entry !== null; entry = await next()) {
        const [key, text] = [entry.getKey(), entry.getValue()];
        if (isOver(text) && this.#clock.now() < until) await cache.removeIfEquals(key, text);
      }
      await cursor.close();
    });
  }

  async ping(until: number): Promise<void> {
    await this.get(['dtx:ping'], until);
  }

  async close(): Promise<void> {
    await this.#link.close();
  }
}
