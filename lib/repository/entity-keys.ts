import type { Coordinator } from '../commit/coordinator.js';
import { EntityDefinitionError } from '../errors/index.js';
import { placeKey } from '../store/placed-key.js';
import { RESERVED_PREFIX } from '../store/transaction-address.js';
import { checkBytes, type TransactionLimits } from '../transaction/limits.js';
import type { ItemReference } from '../transaction/operation.js';
import { assertHashTag, type EntityDefinition } from './entity-definition.js';
import { checkId } from './entity-format.js';

/**
 * Builds the keys of one entity: `<keyPrefix><name>:<id>`, or `<keyPrefix><name>:{<tag>}:<id>`.
 * Different ids never share a key: a name holds no colon, a tag no brace, and the id comes last, as it is.
 */
export class EntityKeys {
  readonly #definition: EntityDefinition;
  readonly #coordinator: Coordinator;
  readonly #limits: TransactionLimits;
  readonly #start: string;

  /** @throws EntityDefinitionError for keys that would lie among the library's own. */
  constructor(
    definition: EntityDefinition,
    keyPrefix: string,
    coordinator: Coordinator,
    limits: TransactionLimits,
  ) {
    this.#definition = definition;
    this.#coordinator = coordinator;
    this.#limits = limits;
    this.#start = `${keyPrefix}${definition.name}:`;
    if (this.#start.startsWith(RESERVED_PREFIX)) {
      throw new EntityDefinitionError(
        `${definition.entityClass.name}: keys starting with '${RESERVED_PREFIX}' are reserved. Choose another ` +
          'name or keyPrefix.',
      );
    }
  }

  /** @throws EntityIdError, LimitExceededError */
  reference(id: string): ItemReference {
    const { name, hashTag, store, counters } = this.#definition;
    checkId(id, name);
    const key =
      hashTag === undefined ? this.#start + id : `${this.#start}{${this.#tagOf(id)}}:${id}`;
    checkBytes('keyBytes', key, this.#limits.keyBytes);
    const placed = placeKey(store, key);
    const node = this.#coordinator.store.nodeOf(placed);
    return { node, key: placed, entity: name, id, counters };
  }

  #tagOf(id: string): string {
    const tag = this.#definition.hashTag!(id);
    assertHashTag(this.#definition.name, tag);
    return tag;
  }
}
