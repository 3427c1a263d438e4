import { TransactionReadOnlyError } from '../errors/index.js';
import type { Savepoint } from './operation-log.js';
import type { Transaction } from './transaction.js';

/** What the context holds: the transaction, and what the inner method may do in it. */
export class TransactionScope {
  constructor(
    readonly transaction: Transaction,
    readonly readOnly: boolean,
    readonly savepoint: Savepoint | undefined,
  ) {}

  /** @throws TransactionReadOnlyError */
  assertWritable(): void {
    if (!this.readOnly) return;
    throw new TransactionReadOnlyError(
      `Transaction ${this.transaction.id} is read-only here; nothing was written. Remove readOnly from the ` +
        'method that writes, or use REQUIRES_NEW for it.',
    );
  }
}
