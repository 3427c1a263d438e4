import { CounterBoundError, EntityInvalidError, EntityNotFoundError } from '../errors/index.js';
import { addWithin, parseCounters } from '../store/counters.js';
import type { StoredItem } from '../store/stored-item.js';
import type { CounterIncrement, ItemChange } from '../store/versioned-store.js';
import type { ItemReference } from './operation.js';

/**
 * The write that increments of a known item amount to: its version is validated like that of any
 * item that was read.
 *
 * @throws EntityNotFoundError, CounterBoundError
 */
export function applyIncrements(
  reference: ItemReference,
  seen: StoredItem | null,
  change: Extract<ItemChange, { kind: 'increment' }>,
): Extract<ItemChange, { kind: 'write' }> {
  if (seen === null) throw new EntityNotFoundError(reference.entity, [reference.id]);
  const values = parseCounters(seen.counters);
  for (const step of change.increments) {
    const value = values[step.index];
    if (value === undefined) throw missingCounter(reference);
    const sum = addWithin(value, step);
    if (sum === undefined) throw brokenBound(reference, step, value);
    values[step.index] = sum;
  }
  const { ttlMs } = change;
  return { kind: 'write', counters: values.join(','), payload: seen.payload, ttlMs };
}

export function brokenBound(
  { entity, id, counters }: ItemReference,
  { index, by, min, max }: CounterIncrement,
  value: number,
): CounterBoundError {
  const field = counters[index] ?? `#${index}`;
  return new CounterBoundError({ entity, id, field, value, by, min, max });
}

export function missingCounter({ entity, id }: ItemReference): EntityInvalidError {
  return new EntityInvalidError(
    `${entity} ${JSON.stringify(id)} was stored before all of its counters were declared. Read and save it ` +
      'once before incrementing it.',
  );
}
