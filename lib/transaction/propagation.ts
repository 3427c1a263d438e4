import { TransactionNotAllowedError, TransactionRequiredError } from '../errors/index.js';

/** How a method behaves towards a transaction that is already running. Spring's modes and meanings. */
export const Propagation = {
  /** Joins the running transaction, or begins one. The default. */
  REQUIRED: 'REQUIRED',
  /** Begins a transaction of its own; a running one is suspended meanwhile. */
  REQUIRES_NEW: 'REQUIRES_NEW',
  /** Joins the running transaction, or runs without one. */
  SUPPORTS: 'SUPPORTS',
  /** Joins the running transaction, or fails. */
  MANDATORY: 'MANDATORY',
  /** Runs without a transaction; a running one is suspended meanwhile. */
  NOT_SUPPORTED: 'NOT_SUPPORTED',
  /** Runs without a transaction, and fails inside one. */
  NEVER: 'NEVER',
  /** Inside a running transaction a savepoint: a failure takes back its own writes only. */
  NESTED: 'NESTED',
} as const;

export type Propagation = (typeof Propagation)[keyof typeof Propagation];

export type PropagationStep = 'begin' | 'join' | 'savepoint' | 'suspend' | 'direct';

/**
 * @throws TransactionRequiredError for MANDATORY outside a transaction.
 * @throws TransactionNotAllowedError for NEVER inside one.
 */
export function decidePropagation(mode: Propagation, running: boolean): PropagationStep {
  switch (mode) {
    case 'REQUIRED':
      return running ? 'join' : 'begin';
    case 'REQUIRES_NEW':
      return 'begin';
    case 'SUPPORTS':
      return running ? 'join' : 'direct';
    case 'MANDATORY':
      if (running) return 'join';
      throw new TransactionRequiredError(
        'Propagation MANDATORY needs a running transaction, and there is none. Call the method from ' +
          'a @Transactional() method or inside transactionManager.run().',
      );
    case 'NOT_SUPPORTED':
      return running ? 'suspend' : 'direct';
    case 'NEVER':
      if (!running) return 'direct';
      throw new TransactionNotAllowedError(
        'Propagation NEVER allows no running transaction, and there is one. Call the method outside ' +
          'of it, or use NOT_SUPPORTED to suspend it.',
      );
    case 'NESTED':
      return running ? 'savepoint' : 'begin';
  }
}
