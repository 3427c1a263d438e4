import { EntityInvalidError } from '../errors/index.js';
import type { IncrementBounds } from './entity-data.js';

const KNOWN: readonly string[] = ['min', 'max'];

/**
 * A bound that is misspelt, or was lost on its way, would not hold, and nobody would know.
 * @throws EntityInvalidError
 */
export function checkBounds(bounds: IncrementBounds): IncrementBounds {
  if (typeof bounds !== 'object' || bounds === null) {
    throw new EntityInvalidError(`increment: the bounds are ${String(bounds)}; give { min, max }.`);
  }
  for (const [name, value] of Object.entries(bounds)) {
    if (!KNOWN.includes(name)) {
      throw new EntityInvalidError(`increment: ${name} is no bound; allowed are min and max.`);
    }
    if (!Number.isSafeInteger(value)) {
      throw new EntityInvalidError(
        `increment: ${name} is ${typeof value === 'string' ? 'a string' : String(value)}; it must be a safe integer. ` +
          'Leave it out where there is no bound.',
      );
    }
  }
  const { min, max } = bounds;
  if (min !== undefined && max !== undefined && min > max) {
    throw new EntityInvalidError(`increment: min ${min} is above max ${max}.`);
  }
  return bounds;
}
