const FIRST_CAPACITY = 1 << 18;

/** Keeps every latency of the measured window, for exact percentiles. */
export class LatencyRecorder {
  #samples = new Float64Array(FIRST_CAPACITY);
  #count = 0;

  record(ms: number): void {
    if (this.#count === this.#samples.length) {
      const larger = new Float64Array(2 * this.#samples.length);
      larger.set(this.#samples);
      this.#samples = larger;
    }
    this.#samples[this.#count] = ms;
    this.#count += 1;
  }

  /** Nearest-rank percentiles of what was recorded; NaN without samples. */
  percentiles(...ranks: readonly number[]): number[] {
    const sorted = this.#samples.slice(0, this.#count).sort();
    return ranks.map((rank) => sorted[Math.ceil((rank / 100) * sorted.length) - 1] ?? Number.NaN);
  }
}
