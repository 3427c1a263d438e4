import { Injectable } from '@nestjs/common';
import { EntityDefinitionError } from '../errors/index.js';
import type { EntityDefinition } from '../repository/entity-definition.js';
import { EntityFormat } from '../repository/entity-format.js';
import { EntityKeys } from '../repository/entity-keys.js';
import { TxRepository } from '../repository/tx-repository.js';
import { DistributedTxRuntime } from './distributed-tx.runtime.js';

/** Makes the repositories of one application, and sees to it that their keys do not meet. */
@Injectable()
export class RepositoryFactory {
  readonly #names = new Map<string, EntityDefinition['entityClass']>();

  constructor(private readonly runtime: DistributedTxRuntime) {}

  /** @throws EntityDefinitionError for a name that is taken, or a store that is not configured. */
  create<T extends object>(definition: EntityDefinition<T>): TxRepository<T> {
    const { entityClass, name, store } = definition;
    const { coordinator, manager, stores, options } = this.runtime;
    const owner = this.#names.get(name);
    if (owner !== undefined && owner !== entityClass) {
      throw new EntityDefinitionError(
        `${entityClass.name} and ${owner.name} are both named '${name}'; give each entity a name of its own.`,
      );
    }
    if (!stores.has(store)) {
      throw new EntityDefinitionError(
        `${entityClass.name} wants the store '${store}'; forRoot() has ${[...stores.keys()].join(', ')}.`,
      );
    }
    this.#names.set(name, entityClass);
    const { keyPrefix, limits } = options;
    return new TxRepository({
      definition,
      manager,
      keys: new EntityKeys(definition, keyPrefix, coordinator, limits),
      format: new EntityFormat(definition, limits),
    });
  }
}
