import type { ItemState } from '../transaction/operation-log.js';
import type { Transaction } from '../transaction/transaction.js';

interface GivenVersion {
  readonly transaction: Transaction;
  readonly state: ItemState;
}

/** Keyed by the entity itself, so that nothing is visible on it and a copy has no version. */
const versions = new WeakMap<object, string | GivenVersion>();

/** The entity was read at this version. */
export function rememberRead(entity: object, version: string): void {
  versions.set(entity, version);
}

/** The entity was saved; its version may be known only when the transaction has committed. */
export function rememberSaved(entity: object, transaction: Transaction, state: ItemState): void {
  versions.set(entity, { transaction, state });
}

export function versionOf(entity: object): string | undefined {
  const known = versions.get(entity);
  if (known === undefined || typeof known === 'string') return known;
  return known.transaction.versionGivenTo(known.state);
}
