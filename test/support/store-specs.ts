import { ignite } from '../../lib/ignite/index.js';
import { memcached } from '../../lib/memcached/index.js';
import type { StoreOptions } from '../../lib/module/distributed-tx.options.js';

/** One store, as the configuration of a worker tells it. */
export type StoreSpec =
  | { readonly redis: string }
  | { readonly memcached: readonly string[] }
  | { readonly ignite: readonly string[] };

/** Stores by name; one is the default. */
export type StoreSpecs = Readonly<Record<string, StoreSpec>>;

export function storesOf(specs: StoreSpecs): Record<string, StoreOptions> {
  return Object.fromEntries(
    Object.entries(specs).map(([name, spec]) => [name, storeOf(spec)] as const),
  );
}

function storeOf(spec: StoreSpec): StoreOptions {
  if ('redis' in spec) return spec;
  if ('memcached' in spec) return memcached({ servers: spec.memcached });
  return ignite({ endpoints: spec.ignite });
}
