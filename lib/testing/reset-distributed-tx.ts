import { ModuleOptionsError } from '../errors/index.js';
import { DistributedTxRuntime } from '../module/distributed-tx.runtime.js';
import { EmbeddedStore } from '../store/embedded/embedded-store.js';

/** A `TestingModule`, an application, or anything else that Nest's providers can be had from. */
export interface ProviderSource {
  get<T>(token: abstract new (...args: never[]) => T, options: { readonly strict: false }): T;
}

/**
 * Forgets all data of all stores of an application, as between two tests.
 *
 * @throws ModuleOptionsError when a store is not embedded; nothing is forgotten then.
 */
export function resetDistributedTx(moduleRef: ProviderSource): void {
  const { stores } = moduleRef.get(DistributedTxRuntime, { strict: false });
  const embedded = [...stores.values()].map((store) => {
    if (store instanceof EmbeddedStore) return store;
    throw new ModuleOptionsError(
      `resetDistributedTx: the store ${store.name} is not embedded, and nothing was reset. Import ` +
        'DistributedTxTestingModule.forRoot() instead of DistributedTxModule.forRoot() in the test.',
    );
  });
  for (const store of embedded) store.clear();
}
