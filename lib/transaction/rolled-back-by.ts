import { TransactionRolledBackError } from '../errors/index.js';
import type { RollbackMark } from './transaction-environment.js';

/** What the caller is told of a transaction that must not commit. */
export function rolledBackBy({ reason, byRequest }: RollbackMark): TransactionRolledBackError {
  if (byRequest) {
    const why = reason === undefined ? '' : ', for the reason in `cause`';
    return new TransactionRolledBackError(
      `The transaction was rolled back because its rollback() was called${why}. Nothing was written. To end the ` +
        'method with an error of your own, throw it instead.',
      { cause: reason },
    );
  }
  return new TransactionRolledBackError(
    'The transaction was marked for roll back by an inner method whose error was caught (see `cause`), and was ' +
      'rolled back. Let the error pass, or give the inner method NESTED or REQUIRES_NEW.',
    { cause: reason },
  );
}
