import type { DistributedTxModuleOptions } from 'nestjs-distributed-tx';

/** The Redis of REDIS_URL; without one, stock and money stay in this process and end with it. */
export function storeOptions(): DistributedTxModuleOptions {
  const redis = process.env['REDIS_URL'];
  return { keyPrefix: 'shop-sql:', ...(redis ? { redis } : { store: 'embedded' }) };
}
