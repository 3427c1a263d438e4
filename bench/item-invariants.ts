import type { Anomalies } from './measurement.js';
import type { Scenario } from './scenarios/scenario.js';
import type { StoredAmount } from './systems/items/stored-amounts.js';

/** What the calls of one process reported as committed. */
export interface BookedWork {
  /** Per item: what they added to it, or what it was inserted with. */
  readonly deltas: ReadonlyMap<string, number>;
  readonly writes: number;
}

/**
 * Compares what is left with what the committed calls of all processes make of the items at the
 * start: every amount exactly, their sum, the versions, and the rules of the scenario.
 */
export function findItemAnomalies(
  scenario: Scenario,
  left: ReadonlyMap<string, StoredAmount>,
  works: readonly BookedWork[],
): Anomalies {
  const expected = new Map(scenario.items);
  for (const { deltas } of works) {
    for (const [id, delta] of deltas) expected.set(id, (expected.get(id) ?? 0) + delta);
  }
  const amounts = new Map([...left].map(([id, { amount }]) => [id, amount]));
  const ids = new Set([...expected.keys(), ...amounts.keys()]);
  const wrong = [...ids].filter((id) => expected.get(id) !== amounts.get(id));
  const versions = sumOfVersions(left.values());
  const writes = works.reduce((sum, work) => sum + work.writes, scenario.items.size);
  return {
    wrongItems: wrong.length + scenario.violations(amounts),
    sumError: sumOf(amounts) - sumOf(expected),
    versionError: versions === null ? null : versions - writes,
  };
}

function sumOf(amounts: ReadonlyMap<string, number>): number {
  let sum = 0;
  for (const amount of amounts.values()) sum += amount;
  return sum;
}

function sumOfVersions(items: Iterable<StoredAmount>): number | null {
  let sum = 0;
  for (const { version } of items) {
    if (version === undefined) return null;
    sum += version;
  }
  return sum;
}
