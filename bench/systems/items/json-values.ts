import { type Amounts, type ItemData, keyOf, newItem, type Work } from './item-system.js';

/** The amounts in the JSON that was read for `work`. @throws Error where an item is missing. */
export function amountsOf(work: Work, values: readonly (string | null)[]): number[] {
  return values.map((value, nth) => {
    if (value === null) throw new Error(`Item ${work.reads[nth] ?? '?'} is missing.`);
    return (JSON.parse(value) as ItemData).amount;
  });
}

export function keysOf(work: Work): string[] {
  return work.reads.map(keyOf);
}

/** Keys and values in turn, as MSET takes them. */
export function msetArguments(writes: Amounts): string[] {
  return [...writes].flatMap(([id, amount]) => [keyOf(id), JSON.stringify(newItem(id, amount))]);
}
