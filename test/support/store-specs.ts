import { ignite } from '../../lib/ignite/index.js';
import { IgniteCache } from '../../lib/ignite/ignite-cache.js';
import { memcached } from '../../lib/memcached/index.js';
import { MemcachedCache } from '../../lib/memcached/memcached-cache.js';
import type { StoreOptions } from '../../lib/module/distributed-tx.options.js';
import { systemClock } from '../../lib/store/clock.js';
import type { SingleKeyCache } from '../../lib/store/single-key/single-key-cache.js';
import { redisCommand } from './redis-command.js';

/** One store as a process can be told it. */
export type StoreSpec =
  | { readonly redis: string }
  /** `host:port` of each server. */
  | { readonly memcached: readonly string[] }
  /** `host:port` of each client connector. */
  | { readonly ignite: readonly string[] };

/** The stores of an application by name; one is the default. */
export interface StoresConfig {
  readonly default: StoreSpec;
  readonly far?: StoreSpec;
}

/** As `forRoot({ stores })` takes them. */
export function storesOf(config: StoresConfig): Record<string, StoreOptions> {
  return Object.fromEntries(Object.entries(config).map(([name, spec]) => [name, storeOf(spec)]));
}

function storeOf(spec: StoreSpec): StoreOptions {
  if ('redis' in spec) return { redis: spec.redis };
  if ('memcached' in spec) return memcached({ servers: spec.memcached });
  return ignite({ endpoints: spec.ignite });
}

/** The texts under these keys as a client sees them that knows nothing of transactions. */
export async function rawTexts(
  spec: StoreSpec,
  keys: readonly string[],
): Promise<(string | undefined)[]> {
  if ('redis' in spec) {
    const texts = (await redisCommand(portOf(spec), ['MGET', ...keys])) as (string | null)[];
    return texts.map((text) => text ?? undefined);
  }
  const cache = cacheOf(spec);
  const until = performance.now() + 5000;
  await cache.open(until);
  try {
    return (await cache.get(keys, until)).map((seen) => seen?.text);
  } finally {
    await cache.close();
  }
}

/** Journals of instances in a Redis; what another store keeps of them it alone can tell. */
export async function journalsIn(spec: StoreSpec): Promise<string[]> {
  if (!('redis' in spec)) return [];
  return (await redisCommand(portOf(spec), ['KEYS', 'dtx:*:journal:*'])) as string[];
}

function portOf({ redis }: { readonly redis: string }): number {
  return Number(new URL(redis).port);
}

function cacheOf(spec: Exclude<StoreSpec, { readonly redis: string }>): SingleKeyCache {
  if ('memcached' in spec) return new MemcachedCache({ servers: spec.memcached }, systemClock);
  return new IgniteCache({ endpoints: spec.ignite }, systemClock);
}
