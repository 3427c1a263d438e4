import { SingleKeyStore } from '../store/single-key/single-key-store.js';
import type { StoreContext } from '../store/store-context.js';
import type { VersionedStore } from '../store/versioned-store.js';
import { MemcachedCache, type MemcachedOptions } from './memcached-cache.js';

export type { MemcachedOptions } from './memcached-cache.js';

/**
 * A store on Memcached, for `forRoot({ stores })`.
 *
 * @throws ModuleOptionsError where the options make no sense.
 */
export function memcached(options: MemcachedOptions): (context: StoreContext) => VersionedStore {
  return ({ name, clock, lifetime, connectTimeoutMs }) => {
    const cache = new MemcachedCache(options, clock);
    return new SingleKeyStore({ name, clock, lifetime, cache, connectTimeoutMs });
  };
}
