import { systemClock } from '../../lib/store/clock.js';
import { parseExpiring, printExpiring } from '../../lib/store/single-key/expiring-text.js';
import type { SingleKeyCache } from '../../lib/store/single-key/single-key-cache.js';
import { parseStoredItem } from '../../lib/store/stored-item.js';

/** An item of this library as a single-key store has it; anything else as it is. */
export function asPutThere(value: string): string {
  const isItem = parseStoredItem(value).kind === 'item';
  return isItem ? printExpiring({ text: value, expiresAtMs: Number.POSITIVE_INFINITY }) : value;
}

/** The text of an item or a record without its expiry. */
export function asTold(raw: string): string {
  return parseExpiring(raw)?.text ?? raw;
}

const until = (): number => systemClock.now() + 5000;

/** Puts a text under a key as another program would, whatever stands there. */
export async function setRaw(cache: SingleKeyCache, key: string, value: string): Promise<void> {
  for (;;) {
    const [seen] = await cache.get([key], until());
    const text = asPutThere(value);
    const written =
      seen === undefined
        ? await cache.add(key, text, undefined, until())
        : await cache.replace(key, seen, text, undefined, until());
    if (written !== undefined) return;
  }
}

export async function rawOf(cache: SingleKeyCache, key: string): Promise<string | undefined> {
  const [seen] = await cache.get([key], until());
  return seen === undefined ? undefined : asTold(seen.text);
}
