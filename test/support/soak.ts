import { withSeed, type SeededRandom } from './seeded-random.js';

/** No soak may take longer. */
export const soakLimitMs = 40 * 60_000;

/** Which part of its full size a soak has: the environment variable DTX_SOAK_SHARE, from above 0 to 1. */
const share = Number(process.env['DTX_SOAK_SHARE'] ?? 1);
if (!(share > 0 && share <= 1)) {
  throw new RangeError(`DTX_SOAK_SHARE is above 0 and at most 1, not ${share}.`);
}

/** So many of `full` are to be done in this run, at least one. */
export function shareOf(full: number): number {
  return Math.max(1, Math.round(full * share));
}

/** Prints at once what jest would hold back until the whole file has ended. */
export function say(text: string): void {
  process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${text}\n`);
}

/** Of a loop that only soaks run for long: says twenty times how far it is. */
export function sayProgress(done: number, full: number, text: string): void {
  if (process.env['DTX_SOAK'] !== '1' || done % Math.ceil(full / 20) !== 0) return;
  say(`${done} of ${full}, ${text}`);
}

/** Runs the body with a seeded generator, and prints the seed before anything else. */
export function soak(name: string, body: (random: SeededRandom) => Promise<void>): Promise<void> {
  return withSeed(name, (random) => {
    say(`${name}: DTX_SEED=${random.seed} DTX_SOAK_SHARE=${share}`);
    return body(random);
  });
}

/** The value that so many hundredths of the samples do not exceed; 0 of none. */
export function percentileOf(samples: readonly number[], hundredths: number): number {
  const sorted = samples.toSorted((one, other) => one - other);
  return sorted[Math.max(0, Math.ceil((sorted.length * hundredths) / 100) - 1)] ?? 0;
}
