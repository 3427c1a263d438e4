import { Redis } from 'ioredis';
import { parseAccount } from './layouts.js';
import type { StoredAccount } from './system.js';
import { readUnlocked } from './unlocked.js';

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
  redisUrls: readonly string[],
  ids: readonly string[],
): Promise<StoredAccount[]> {
  const items = new Map((await scanStoredItems(redisUrls)).map((item) => [item.id, item]));
  if (items.size !== ids.length) {
    throw new Error(`${ids.length} accounts were stored, ${items.size} are there.`);
  }
  return ids.map((id) => {
    const item = items.get(id);
    if (item === undefined) throw new Error(`Account ${id} is missing.`);
    return { balance: item.balance, version: item.commitCount };
  });
}

/** All accounts the library has stored on these masters, in no order, once none is locked. */
export async function scanStoredItems(redisUrls: readonly string[]): Promise<StoredItem[]> {
  const values = await readUnlocked(async () =>
    (await Promise.all(redisUrls.map(scanStoredValues))).flat(),
  );
  return values.map(parseStoredItem);
}

async function scanStoredValues(redisUrl: string): Promise<string[]> {
  const redis = new Redis(redisUrl);
  const found = new Map<string, string>();
  try {
    let cursor = '0';
    do {
      const [next, keys] = await redis.scan(cursor, 'MATCH', ITEM_PATTERN, 'COUNT', SCAN_COUNT);
      cursor = next;
      // Not MGET: a master of a cluster refuses keys of different slots in one command.
      const pipeline = redis.pipeline();
      for (const key of keys) pipeline.get(key);
      const replies = (await pipeline.exec()) ?? [];
      for (const [index, [error, value]] of replies.entries()) {
        if (error !== null) throw error;
        if (typeof value === 'string') found.set(keys[index] as string, value);
      }
    } while (cursor !== '0');
    return [...found.values()];
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
    // A counter stands before the JSON.
    balance: counters === '' ? account.balance : Number(counters),
    storedLength: Buffer.byteLength(stored),
    jsonLength: Buffer.byteLength(json),
  };
}
