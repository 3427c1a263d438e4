import type { DistributedTxModuleOptions } from 'nestjs-distributed-tx';
import { storeOfEnvironment } from '../store-of-environment.js';

export async function storeOptions(): Promise<DistributedTxModuleOptions> {
  return {
    keyPrefix: 'bank:',
    // A bank with four accounts meets itself more often than one with a million.
    defaults: { retry: { attempts: 30 } },
    ...(await storeOfEnvironment()),
  };
}
