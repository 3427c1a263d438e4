import { Redis } from 'ioredis';
import { readUnlocked } from '../unlocked.js';
import { type Amounts, type ItemData, keyOf, newItem } from './item-system.js';

const SCAN_COUNT = 5000;

export interface StoredAmount {
  readonly amount: number;
  /** How many writes the item has seen; undefined where the layout counts none. */
  readonly version: number | undefined;
}

/** Stores new items, each as `encode` has it. */
export async function seedItems(
  redis: Redis,
  items: Amounts,
  encode: (json: string) => string,
): Promise<void> {
  const pipeline = redis.pipeline();
  for (const [id, amount] of items) {
    pipeline.set(keyOf(id), encode(JSON.stringify(newItem(id, amount))));
  }
  await pipeline.exec();
}

/** All items by their ids, past whatever system has stored them. */
export async function readStoredAmounts(redisUrl: string): Promise<Map<string, StoredAmount>> {
  const redis = new Redis(redisUrl);
  try {
    const values = await readUnlocked(() => scanValues(redis));
    return new Map(values.map(parseStored));
  } finally {
    await redis.quit();
  }
}

async function scanValues(redis: Redis): Promise<string[]> {
  const found = new Map<string, string>();
  let cursor = '0';
  do {
    const [next, keys] = await redis.scan(cursor, 'MATCH', keyOf('*'), 'COUNT', SCAN_COUNT);
    cursor = next;
    const values = keys.length === 0 ? [] : await redis.mget(keys);
    for (const [index, value] of values.entries()) {
      if (value !== null) found.set(keys[index] as string, value);
    }
  } while (cursor !== '0');
  return [...found.values()];
}

/** JSON alone, or behind a header that begins with the version and ends with a bar. */
function parseStored(stored: string): [id: string, StoredAmount] {
  const start = stored.indexOf('{');
  const { id, amount } = JSON.parse(stored.slice(start)) as ItemData;
  return [id, { amount, version: start === 0 ? undefined : Number.parseInt(stored, 10) }];
}
