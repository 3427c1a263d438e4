import type { ItemState } from '../transaction/operation-log.js';
import type { Transaction } from '../transaction/transaction.js';

class GivenVersion {
  constructor(
    readonly transaction: Transaction,
    readonly state: ItemState,
  ) {}
}

/** A constructor that returns its argument lets a subclass put private fields on any object. */
const Itself = function (entity: object): object {
  return entity;
} as unknown as new (entity: object) => object;

/**
 * The version of an entity in a private field on the entity itself: nobody sees it, and a copy has
 * none. A WeakMap would do the same at six times the cost.
 */
class Versioned extends Itself {
  #version: string | GivenVersion;

  private constructor(entity: object, version: string | GivenVersion) {
    super(entity);
    this.#version = version;
  }

  static set(entity: object, version: string | GivenVersion): void {
    if (#version in entity) entity.#version = version;
    else new Versioned(entity, version);
  }

  static get(entity: object): string | GivenVersion | undefined {
    return #version in entity ? entity.#version : undefined;
  }
}

/** The entity was read at this version. */
export function rememberRead(entity: object, version: string): void {
  Versioned.set(entity, version);
}

/** The entity was saved; its version may be known only when the transaction has committed. */
export function rememberSaved(entity: object, transaction: Transaction, state: ItemState): void {
  Versioned.set(entity, new GivenVersion(transaction, state));
}

/** Undefined for what has no version, whatever it is. */
export function versionOf(entity: unknown): string | undefined {
  if (typeof entity !== 'object' || entity === null) return undefined;
  const known = Versioned.get(entity);
  if (known === undefined || typeof known === 'string') return known;
  return known.transaction.versionGivenTo(known.state);
}
