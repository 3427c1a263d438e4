import { DistributedTxError } from './distributed-tx.error.js';
import { ERROR_CODES } from './error-code.js';

/** An option of the module is wrong. The message names the option, its value and what is allowed. */
export class ModuleOptionsError extends DistributedTxError {
  override readonly name = 'ModuleOptionsError';
  readonly code = ERROR_CODES.MODULE_OPTIONS;
  readonly category = 'user';
}

/** An option of one transaction is wrong, or cannot be had in the transaction that is joined. */
export class TransactionOptionsError extends DistributedTxError {
  override readonly name = 'TransactionOptionsError';
  readonly code = ERROR_CODES.TRANSACTION_OPTIONS;
  readonly category = 'user';
}

/** A `@Transactional()` method was called on an instance that no transaction manager has reached. */
export class TransactionManagerMissingError extends DistributedTxError {
  override readonly name = 'TransactionManagerMissingError';
  readonly code = ERROR_CODES.MANAGER_MISSING;
  readonly category = 'user';

  constructor(className: string, methodName: string) {
    super(
      `${className}.${methodName}() is @Transactional(), but no TransactionManager has reached this ` +
        'instance. Import DistributedTxModule.forRoot() in the root module and let Nest provide the ' +
        'class, or call transactionManager.bind(instance), or, in a unit test, bindForTest(instance) ' +
        "from 'nestjs-distributed-tx/testing'.",
    );
  }
}

/**
 * An instance was given to the managers of two applications, or a repository was called in a
 * transaction of another manager than its own.
 */
export class TransactionManagerMismatchError extends DistributedTxError {
  override readonly name = 'TransactionManagerMismatchError';
  readonly code = ERROR_CODES.MANAGER_MISMATCH;
  readonly category = 'user';
}

/** A transactional method returned something that nobody can wait for. */
export class TransactionalReturnTypeError extends DistributedTxError {
  override readonly name = 'TransactionalReturnTypeError';
  readonly code = ERROR_CODES.RETURN_TYPE;
  readonly category = 'user';

  constructor(what: string, returned: unknown) {
    super(
      `${what} returned ${returned === null ? 'null' : `a value of type ${typeof returned}`}; transactional work must return a ` +
        'Promise or an Observable. It was rolled back. Make the method async.',
    );
  }
}
