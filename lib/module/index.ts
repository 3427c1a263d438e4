export { DistributedTxModule } from './distributed-tx.module.js';
export type { DistributedTxOptionsFactory } from './distributed-tx.module-definition.js';
export type {
  DistributedTxModuleOptions,
  StoreContext,
  StoreOptions,
} from './distributed-tx.options.js';
