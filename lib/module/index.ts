export { DistributedTxModule } from './distributed-tx.module.js';
export {
  DistributedTxExceptionFilter,
  type DistributedTxErrorBody,
} from './distributed-tx.exception-filter.js';
export type { DistributedTxOptionsFactory } from './distributed-tx.module-definition.js';
export type {
  DistributedTxModuleOptions,
  DurabilityOptions,
  RecoveryOptions,
  StoreOptions,
} from './distributed-tx.options.js';
export type { RedisSource } from '../store/redis/redis-client.js';
export type { StoreContext } from '../store/store-context.js';
