import { EntityIdError, EntityInvalidError } from '../errors/index.js';
import { kindOf } from './kind-of.js';
import { isNamedBySymbol } from './storable.js';

/** @throws EntityIdError */
export function assertIdList(entity: string, ids: unknown): void {
  if (Array.isArray(ids)) return;
  throw new EntityIdError(`${entity}: findMany() needs an array of ids, not ${kindOf(ids)}.`);
}

/** @throws EntityInvalidError */
export function assertPatch(entity: string, patch: unknown): void {
  const isPatch = typeof patch === 'object' && patch !== null && !Array.isArray(patch);
  if (isPatch && !isNamedBySymbol(patch)) return;
  const what = isPatch ? 'one with a property named by a symbol' : kindOf(patch);
  throw new EntityInvalidError(
    `${entity}: update() needs an object with the properties to replace, not ${what}.`,
  );
}

/**
 * A string is an iterable too, of its letters.
 * @throws EntityIdError
 */
export function assertIds(entity: string, source: unknown): void {
  if (typeof source === 'object' && source !== null) {
    if (Symbol.iterator in source || Symbol.asyncIterator in source) return;
  }
  throw new EntityIdError(
    `${entity}: adopt() takes several ids, an array or what yields them, not ${kindOf(source)}. For one id: adopt([id]).`,
  );
}
