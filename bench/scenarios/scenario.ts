import type { Amounts, Work } from '../systems/items/item-system.js';

/** Calls over items that hold an amount each, and what has to be true of these afterwards. */
export interface Scenario {
  /** What exists at the start. */
  readonly items: Amounts;

  draw(random: () => number): Work;

  /** Told when a call was declined. */
  declined?(work: Work): void;

  /**
   * How often a rule is broken by what is left. That every amount is what the committed calls made
   * it is counted elsewhere.
   */
  violations(left: Amounts): number;
}

/** `scale` is the number of its largest kind of item, `seed` differs from process to process. */
export type CreateScenario = (scale: number, seed: number) => Scenario;

export function integerBelow(limit: number, random: () => number): number {
  return Math.floor(random() * limit);
}
