import { EntityInvalidError } from '../errors/index.js';
import type { CounterIncrement } from '../store/versioned-store.js';
import type { IncrementBounds } from './entity-data.js';
import type { EntityDefinition } from './entity-definition.js';

const KNOWN: readonly string[] = ['min', 'max'];

/**
 * A bound that is misspelt, or was lost on its way, would not hold, and nobody would know.
 * @throws EntityInvalidError
 */
function checkBounds(bounds: IncrementBounds): IncrementBounds {
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

/** @throws EntityInvalidError for what is no counter, no number, or no bound. */
export function incrementOf(
  { name, counters }: EntityDefinition,
  step: { readonly field: string; readonly by: number; readonly bounds: IncrementBounds },
): CounterIncrement {
  const { field, by } = step;
  const { min, max } = checkBounds(step.bounds);
  const index = counters.indexOf(field);
  if (index < 0) {
    throw new EntityInvalidError(
      `${name}.${field} is no counter. Name it in @TxEntity({ counters: ['${field}'] }).`,
    );
  }
  if (!Number.isSafeInteger(by)) {
    throw new EntityInvalidError(`increment: by is ${String(by)}; it must be a safe integer.`);
  }
  return { index, by, min, max };
}
