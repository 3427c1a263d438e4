export * from './error-code.js';
export * from './distributed-tx.error.js';
export * from './option.errors.js';
export * from './transaction.errors.js';
export * from './entity.errors.js';
export * from './store.errors.js';
export * from './participant.errors.js';
