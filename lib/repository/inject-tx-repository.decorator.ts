import { Inject } from '@nestjs/common';
import { definitionOf, type EntityClass } from './entity-definition.js';

/**
 * The token of an entity's repository, for tests and for factory providers.
 * @throws EntityDefinitionError for a class without `@TxEntity`.
 */
export function getTxRepositoryToken(entity: EntityClass): symbol {
  return definitionOf(entity).token;
}

/** A shorthand for `Inject(getTxRepositoryToken(entity))`. */
export function InjectTxRepository(entity: EntityClass): PropertyDecorator & ParameterDecorator {
  return Inject(getTxRepositoryToken(entity));
}
