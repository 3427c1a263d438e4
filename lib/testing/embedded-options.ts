import type { DistributedTxModuleOptions } from '../module/distributed-tx.options.js';

/** The options of an application, with an embedded store under each name and no server at all. */
export function embeddedOptions({
  redis: _redis,
  store: _store,
  stores = {},
  ...rest
}: DistributedTxModuleOptions): DistributedTxModuleOptions {
  const names = new Set(['default', ...Object.keys(stores)]);
  return {
    ...rest,
    stores: Object.fromEntries([...names].map((name) => [name, 'embedded'] as const)),
    allowEmbeddedInProduction: true,
  };
}
