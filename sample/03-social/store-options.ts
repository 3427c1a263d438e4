import type { DistributedTxModuleOptions } from 'nestjs-distributed-tx';
import { storeOfEnvironment } from '../store-of-environment.js';

export async function storeOptions(): Promise<DistributedTxModuleOptions> {
  return { keyPrefix: 'social:', ...(await storeOfEnvironment()) };
}
