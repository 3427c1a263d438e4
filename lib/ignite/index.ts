import { SingleKeyStore } from '../store/single-key/single-key-store.js';
import type { StoreContext } from '../store/store-context.js';
import type { VersionedStore } from '../store/versioned-store.js';
import { IgniteCache } from './ignite-cache.js';
import { checkIgniteOptions, type IgniteOptions } from './ignite-options.js';

export type { IgniteOptions } from './ignite-options.js';

/**
 * A store on Apache Ignite 2.x, for `forRoot({ stores })`.
 *
 * @throws ModuleOptionsError where the options make no sense.
 */
export function ignite(options: IgniteOptions): (context: StoreContext) => VersionedStore {
  checkIgniteOptions(options);
  return ({ name, clock, lifetime, connectTimeoutMs }) => {
    const cache = new IgniteCache(options, clock);
    return new SingleKeyStore({ name, clock, lifetime, cache, connectTimeoutMs });
  };
}
