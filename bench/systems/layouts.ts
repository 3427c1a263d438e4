import { Redis } from 'ioredis';
import { type AccountData, newAccount } from '../accounts.js';
import type { StoredAccount } from './system.js';

const CHUNK = 1000;

export interface ConnectOptions {
  readonly autoPipelining: boolean;
}

/** One connected ioredis client. */
export async function connect(redisUrl: string, options: ConnectOptions): Promise<Redis> {
  const redis = new Redis(redisUrl, {
    lazyConnect: true,
    enableAutoPipelining: options.autoPipelining,
  });
  await redis.connect();
  return redis;
}

/** Plain JSON under each key. */
export async function seedJson(redis: Redis, ids: readonly string[]): Promise<void> {
  await seed(redis, ids, (account) => JSON.stringify(account));
}

export async function readJson(redis: Redis, ids: readonly string[]): Promise<StoredAccount[]> {
  const values = await readStrings(redis, ids);
  return values.map((value) => ({ balance: parseAccount(value).balance }));
}

/** `version|json` under each key, the version a decimal counter. */
export async function seedVersioned(redis: Redis, ids: readonly string[]): Promise<void> {
  await seed(redis, ids, (account) => `1|${JSON.stringify(account)}`);
}

export async function readVersioned(
  redis: Redis,
  ids: readonly string[],
): Promise<StoredAccount[]> {
  const values = await readStrings(redis, ids);
  return values.map((value) => {
    const bar = value.indexOf('|');
    return {
      balance: parseAccount(value.slice(bar + 1)).balance,
      version: Number(value.slice(0, bar)),
    };
  });
}

/** The two values of one MGET, both of which must exist. */
export function bothOf(
  replies: readonly (string | null)[],
  from: string,
  to: string,
): readonly [string, string] {
  const [source, target] = replies;
  if (source === null || source === undefined) throw new Error(`Account ${from} is missing.`);
  if (target === null || target === undefined) throw new Error(`Account ${to} is missing.`);
  return [source, target];
}

export function parseAccount(json: string): AccountData {
  return JSON.parse(json) as AccountData;
}

/** The ids in slices of one command each. */
export function chunksOf<T>(ids: readonly T[], size = CHUNK): T[][] {
  const chunks: T[][] = [];
  for (let start = 0; start < ids.length; start += size)
    chunks.push(ids.slice(start, start + size));
  return chunks;
}

async function seed(
  redis: Redis,
  ids: readonly string[],
  encode: (account: AccountData) => string,
): Promise<void> {
  for (const chunk of chunksOf(ids)) {
    await redis.mset(...chunk.flatMap((id) => [id, encode(newAccount(id))]));
  }
}

async function readStrings(redis: Redis, ids: readonly string[]): Promise<string[]> {
  const values: string[] = [];
  for (const chunk of chunksOf(ids)) {
    const replies = await redis.mget(chunk);
    replies.forEach((reply, index) => {
      if (reply === null) throw new Error(`Account ${chunk[index] ?? '?'} is missing.`);
      values.push(reply);
    });
  }
  return values;
}
