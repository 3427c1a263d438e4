import type { AsyncLocalStorage } from 'node:async_hooks';
import type { TransactionScope } from './transaction-scope.js';

/** Where the current transaction is found; one per manager, so that applications do not meet. */
export type TransactionContext = AsyncLocalStorage<TransactionScope | undefined>;
