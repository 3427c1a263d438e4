import { ACCOUNTS_PER_GROUP } from './accounts.js';

/** Two distinct account numbers. `random` yields numbers in [0, 1). */
export type PickPair = (
  accounts: number,
  random: () => number,
) => readonly [from: number, to: number];

export function pickUniform(accounts: number, random: () => number): readonly [number, number] {
  const from = Math.floor(random() * accounts);
  const step = 1 + Math.floor(random() * (accounts - 1));
  return [from, (from + step) % accounts];
}

/** How much more often the first account is drawn than the second, and so on: 1 / rank ** skew. */
const ZIPF_SKEW = 0.99;
const cumulated = new Map<number, Float64Array>();

/** Two distinct accounts, each drawn by a Zipf distribution, as YCSB does for its hot records. */
export function pickZipf(accounts: number, random: () => number): readonly [number, number] {
  const from = drawZipf(accounts, random);
  for (;;) {
    const to = drawZipf(accounts, random);
    if (to !== from) return [from, to];
  }
}

function drawZipf(accounts: number, random: () => number): number {
  const sums = cumulated.get(accounts) ?? cumulate(accounts);
  const at = random() * sums[accounts - 1]!;
  let low = 0;
  for (let high = accounts - 1; low < high;) {
    const middle = (low + high) >> 1;
    if (sums[middle]! > at) high = middle;
    else low = middle + 1;
  }
  return low;
}

function cumulate(accounts: number): Float64Array {
  const sums = new Float64Array(accounts);
  for (let rank = 1, sum = 0; rank <= accounts; rank++) {
    sum += rank ** -ZIPF_SKEW;
    sums[rank - 1] = sum;
  }
  cumulated.set(accounts, sums);
  return sums;
}

/**
 * Two accounts of one group, so that all systems make the same transfers, whether they store a group
 * in one slot or every account in its own.
 */
export function pickWithinGroup(accounts: number, random: () => number): readonly [number, number] {
  const groups = accounts / ACCOUNTS_PER_GROUP;
  const first = ACCOUNTS_PER_GROUP * Math.floor(random() * groups);
  const [from, to] = pickUniform(ACCOUNTS_PER_GROUP, random);
  return [first + from, first + to];
}
