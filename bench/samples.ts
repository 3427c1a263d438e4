const FIRST_CAPACITY = 1 << 16;

/** Keeps every sample of the measured window, for exact percentiles. */
export class Samples {
  #samples = new Float64Array(FIRST_CAPACITY);
  #count = 0;

  record(sample: number): void {
    if (this.#count === this.#samples.length) {
      const larger = new Float64Array(2 * this.#samples.length);
      larger.set(this.#samples);
      this.#samples = larger;
    }
    this.#samples[this.#count] = sample;
    this.#count += 1;
  }

  all(): Float64Array {
    return this.#samples.slice(0, this.#count);
  }
}

/** Nearest-rank percentiles of the samples of all processes together; NaN without samples. */
export function percentiles(parts: readonly Float64Array[], ...ranks: readonly number[]): number[] {
  const sorted = new Float64Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    sorted.set(part, at);
    at += part.length;
  }
  sorted.sort();
  return ranks.map((rank) => sorted[Math.ceil((rank / 100) * sorted.length) - 1] ?? Number.NaN);
}
