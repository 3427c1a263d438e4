export {
  DistributedTxHealthIndicator,
  type DistributedTxHealthOptions,
} from './distributed-tx.health-indicator.js';
