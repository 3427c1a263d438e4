import { InsufficientFundsError } from './accounts.js';
import { LatencyRecorder } from './latency-recorder.js';
import type { System } from './systems/system.js';
import { seededRandom, type Workload } from './workloads.js';

const AMOUNT_MAX = 9;

export interface LoopOptions {
  readonly workload: Workload;
  readonly ids: readonly string[];
  readonly concurrency: number;
  readonly seed: number;
}

/**
 * Clients that each start their next transfer when the last one has ended, and the exact balances
 * that the transfers reported as committed must have produced.
 */
export class ClosedLoop {
  commits = 0;
  declined = 0;
  readonly latencies = new LatencyRecorder();
  /** Per account: what all committed transfers added to it. */
  readonly deltas: Float64Array;
  recording = false;
  #stopped = false;
  #failure: Promise<never>;
  #fail!: (error: unknown) => void;
  #clients: Promise<void>[] = [];

  constructor(
    private readonly system: System,
    private readonly options: LoopOptions,
  ) {
    this.deltas = new Float64Array(options.ids.length);
    this.#failure = new Promise<never>((_, reject) => {
      this.#fail = reject;
    });
    this.#failure.catch(() => undefined);
  }

  start(): void {
    const random = seededRandom(this.options.seed);
    this.#clients = Array.from({ length: this.options.concurrency }, () =>
      this.#runClient(random).catch((error: unknown) => {
        this.#stopped = true;
        this.#fail(error);
      }),
    );
  }

  /** Waits for something to happen under load, or for the first failed transfer. */
  during<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.#failure]);
  }

  /** Lets every client finish its transfer. */
  async drain(): Promise<void> {
    this.#stopped = true;
    await Promise.race([Promise.all(this.#clients), this.#failure]);
  }

  async #runClient(random: () => number): Promise<void> {
    const { ids, workload } = this.options;
    while (!this.#stopped) {
      const [from, to] = workload.pick(ids.length, random);
      const amount = 1 + Math.floor(random() * AMOUNT_MAX);
      const startedAtMs = performance.now();
      try {
        await this.system.transfer(ids[from] as string, ids[to] as string, amount);
      } catch (error) {
        if (!(error instanceof InsufficientFundsError)) throw error;
        this.declined += 1;
        continue;
      }
      if (this.recording) this.latencies.record(performance.now() - startedAtMs);
      this.commits += 1;
      this.deltas[from] = (this.deltas[from] as number) - amount;
      this.deltas[to] = (this.deltas[to] as number) + amount;
    }
  }
}
