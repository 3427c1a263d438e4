import type { SystemName } from './systems/registry.js';

/** One place in the run: which system is measured with how many calls, in which round. */
export interface Turn {
  readonly round: number;
  readonly concurrency: number;
  readonly system: SystemName;
}

/**
 * All systems take turns in every round, so that what the machine does meanwhile falls on all of
 * them: each round starts with another one, and odd rounds go backwards.
 */
export function scheduleTurns(
  rounds: number,
  concurrencies: readonly number[],
  systems: readonly SystemName[],
): Turn[] {
  return Array.from({ length: rounds }, (_, round) =>
    concurrencies.flatMap((concurrency) =>
      orderOf(systems, round).map((system) => ({ round, concurrency, system })),
    ),
  ).flat();
}

function orderOf(systems: readonly SystemName[], round: number): SystemName[] {
  const start = round % systems.length;
  const rotated = [...systems.slice(start), ...systems.slice(0, start)];
  return round % 2 === 1 ? rotated.reverse() : rotated;
}
