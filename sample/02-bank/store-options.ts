import type { DistributedTxModuleOptions } from 'nestjs-distributed-tx';

/** The Redis of REDIS_URL; without one, everything stays in this process and ends with it. */
export function storeOptions(): DistributedTxModuleOptions {
  const redis = process.env['REDIS_URL'];
  return {
    keyPrefix: 'bank:',
    // A bank with four accounts meets itself more often than one with a million.
    defaults: { retry: { attempts: 30 } },
    ...(redis ? { redis } : { store: 'embedded' }),
  };
}
