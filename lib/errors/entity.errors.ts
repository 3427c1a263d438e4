import { DistributedTxError } from './distributed-tx.error.js';
import { ERROR_CODES } from './error-code.js';
import { quoteKey } from './transaction.errors.js';

/** A class is not, or not properly, declared with `@TxEntity`, or two entities share a name. */
export class EntityDefinitionError extends DistributedTxError {
  override readonly name = 'EntityDefinitionError';
  readonly code = ERROR_CODES.ENTITY_DEFINITION;
  readonly category = 'user';
}

/** An entity holds a value that cannot be stored and found again. The message names the path. */
export class EntityInvalidError extends DistributedTxError {
  override readonly name = 'EntityInvalidError';
  readonly code = ERROR_CODES.ENTITY_INVALID;
  readonly category = 'user';
}

/** What is stored of an entity cannot be read: it was damaged, or written by newer code. */
export class StoredDataError extends DistributedTxError {
  override readonly name = 'StoredDataError';
  readonly code = ERROR_CODES.STORED_DATA;
  readonly category = 'internal';
}

/** An id is not a non-empty, well-formed string. */
export class EntityIdError extends DistributedTxError {
  override readonly name = 'EntityIdError';
  readonly code = ERROR_CODES.ENTITY_ID_INVALID;
  readonly category = 'user';
}

/** One or more entities do not exist. */
export class EntityNotFoundError extends DistributedTxError {
  override readonly name = 'EntityNotFoundError';
  readonly code = ERROR_CODES.ENTITY_NOT_FOUND;
  readonly category = 'user';

  constructor(
    readonly entity: string,
    readonly ids: readonly string[],
  ) {
    super(`No ${entity} with ${ids.length === 1 ? 'id' : 'ids'} ${ids.map(quoteKey).join(', ')}.`);
  }
}

/** `insert` met an entity that exists. */
export class EntityAlreadyExistsError extends DistributedTxError {
  override readonly name = 'EntityAlreadyExistsError';
  readonly code = ERROR_CODES.ENTITY_ALREADY_EXISTS;
  readonly category = 'user';

  constructor(
    readonly entity: string,
    readonly id: string,
  ) {
    super(
      `A ${entity} with id ${quoteKey(id)} exists already. Use save() to insert or replace, or update().`,
    );
  }
}

/** What an increment was refused for. */
export interface CounterBound {
  readonly entity: string;
  readonly id: string;
  readonly field: string;
  /** The value that stood. */
  readonly value: number;
  /** What was to be added to it. */
  readonly by: number;
  readonly min: number | undefined;
  readonly max: number | undefined;
}

/** An increment would have taken a counter over its bound. Nothing was written. */
export class CounterBoundError extends DistributedTxError implements CounterBound {
  override readonly name = 'CounterBoundError';
  readonly code = ERROR_CODES.COUNTER_BOUND;
  readonly category = 'user';
  readonly entity: string;
  readonly id: string;
  readonly field: string;
  readonly value: number;
  readonly by: number;
  readonly min: number | undefined;
  readonly max: number | undefined;

  constructor(bound: CounterBound) {
    const { entity, id, field, value, by, min, max } = bound;
    super(
      `${entity} ${quoteKey(id)}: ${field} is ${value}; adding ${by} would leave the allowed range ` +
        `[${min ?? Number.MIN_SAFE_INTEGER}, ${max ?? Number.MAX_SAFE_INTEGER}].`,
    );
    this.entity = entity;
    this.id = id;
    this.field = field;
    this.value = value;
    this.by = by;
    this.min = min;
    this.max = max;
  }
}

/** `save` was given an `expectedVersion` that is not, or no longer, the stored one. Not retried. */
export class VersionMismatchError extends DistributedTxError {
  override readonly name = 'VersionMismatchError';
  readonly code = ERROR_CODES.VERSION_MISMATCH;
  readonly category = 'conflict';

  constructor(
    readonly entity: string,
    readonly id: string,
    readonly expectedVersion: string,
    readonly versionFound: string,
  ) {
    super(
      `${entity} ${quoteKey(id)} is at version ${versionFound}, not at ${expectedVersion}: somebody changed ` +
        'it in the meantime. Read it again and let the user decide.',
    );
  }
}

/** Under an entity's key lies something that this library did not write. It is left as it is. */
export class ForeignDataError extends DistributedTxError {
  override readonly name = 'ForeignDataError';
  readonly code = ERROR_CODES.FOREIGN_DATA;
  readonly category = 'user';

  constructor(readonly key: string) {
    super(
      `The value under ${quoteKey(key)} was not written by this library and was left as it is. Move it away, ` +
        'import it with repository.adopt() if it is a string, or give the module another `keyPrefix`.',
    );
  }
}
