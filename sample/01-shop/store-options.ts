import type { DistributedTxModuleOptions } from 'nestjs-distributed-tx';

/** The Redis of REDIS_URL; without one, everything stays in this process and ends with it. */
export function storeOptions(): DistributedTxModuleOptions {
  const redis = process.env['REDIS_URL'];
  return { keyPrefix: 'shop:', ...(redis ? { redis } : { store: 'embedded' }) };
}
