/** Which accounts exist, and which two of them the next transfer touches. */
export interface Workload {
  readonly accounts: number;
  /** Two distinct account numbers. `random` yields numbers in [0, 1). */
  pick(accounts: number, random: () => number): readonly [from: number, to: number];
}

export const WORKLOAD_NAMES = ['transfer-uniform'] as const;
export type WorkloadName = (typeof WORKLOAD_NAMES)[number];

export const WORKLOADS: Readonly<Record<WorkloadName, Workload>> = {
  'transfer-uniform': { accounts: 10_000, pick: pickUniform },
};

function pickUniform(accounts: number, random: () => number): readonly [number, number] {
  const from = Math.floor(random() * accounts);
  const step = 1 + Math.floor(random() * (accounts - 1));
  return [from, (from + step) % accounts];
}

/** A small seeded generator (mulberry32), so that a round draws the same accounts for each system. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
