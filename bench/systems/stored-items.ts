import { Redis } from 'ioredis';
import { parseAccount } from './layouts.js';
import type { StoredAccount } from './system.js';

const ITEM_PATTERN = '*account:*';
const SCAN_COUNT = 5000;

/** An item of the library as Redis holds it: `<count>.<writer>[*<lock>]|<counters>|<payload>`. */
export interface StoredItem {
  readonly id: string;
  readonly commitCount: number;
  readonly balance: number;
  /** Bytes of the whole string, and of the JSON in it. */
  readonly storedLength: number;
  readonly jsonLength: number;
}

/** Reads the accounts past the library, in the order of `ids`. */
export async function readStoredItems(
  redisUrl: string,
  ids: readonly string[],
): Promise<StoredAccount[]> {
  const items = new Map((await scanStoredItems(redisUrl)).map((item) => [item.id, item]));
  if (items.size !== ids.length) {
    throw new Error(`${ids.length} accounts were stored, ${items.size} are there.`);
  }
  return ids.map((id) => {
    const item = items.get(id);
    if (item === undefined) throw new Error(`Account ${id} is missing.`);
    return { balance: item.balance, version: item.commitCount };
  });
}

/** All accounts the library has stored, in no order. */
export async function scanStoredItems(redisUrl: string): Promise<StoredItem[]> {
  const redis = new Redis(redisUrl);
  const items = new Map<string, StoredItem>();
  try {
    let cursor = '0';
    do {
      const [next, keys] = await redis.scan(cursor, 'MATCH', ITEM_PATTERN, 'COUNT', SCAN_COUNT);
      cursor = next;
      const values = keys.length === 0 ? [] : await redis.mget(keys);
      for (const value of values) {
        if (value === null) continue;
        const item = parseStoredItem(value);
        items.set(item.id, item);
      }
    } while (cursor !== '0');
    return [...items.values()];
  } finally {
    await redis.quit();
  }
}

function parseStoredItem(stored: string): StoredItem {
  const [header = '', counters = ''] = stored.split('|', 2);
  const json = stored.slice(header.length + 1 + counters.length + 1);
  const account = parseAccount(json);
  return {
    id: account.id,
    commitCount: Number.parseInt(header, 10),
    balance: account.balance,
    storedLength: Buffer.byteLength(stored),
    jsonLength: Buffer.byteLength(json),
  };
}
