import type { CounterIncrement } from './versioned-store.js';

/** The counters of an item are safe integers in decimal, joined by commas. */
export function parseCounters(text: string): number[] {
  return text === '' ? [] : text.split(',').map(Number);
}

/** The sum, or undefined where it leaves the bounds or the safe integers. */
export function addWithin(value: number, step: CounterIncrement): number | undefined {
  const sum = value + step.by;
  const { min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER } = step;
  return sum < min || sum > max ? undefined : sum;
}
