import type { Load } from './load.js';
import { Samples } from './samples.js';
import { type Call, GaveUpError } from './systems/call.js';

/** Clients that each start their next call when the last one has ended. */
export class ClosedLoop {
  commits = 0;
  declined = 0;
  gaveUp = 0;
  attempts = 0;
  readonly latenciesMs = new Samples();
  readonly attemptsPerCall = new Samples();
  recording = false;
  #stopped = false;
  #failure: Promise<never>;
  #fail!: (error: unknown) => void;
  #clients: Promise<void>[] = [];

  constructor(
    private readonly load: Load,
    private readonly concurrency: number,
  ) {
    this.#failure = new Promise<never>((_, reject) => {
      this.#fail = reject;
    });
    this.#failure.catch(() => undefined);
  }

  start(): void {
    this.#clients = Array.from({ length: this.concurrency }, () =>
      this.#runClient().catch((error: unknown) => {
        this.#stopped = true;
        this.#fail(error);
      }),
    );
  }

  /** Waits for something to happen under load, or for the first failed call. */
  during<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.#failure]);
  }

  /** Lets every client finish its call. */
  async drain(): Promise<void> {
    this.#stopped = true;
    await Promise.race([Promise.all(this.#clients), this.#failure]);
  }

  async #runClient(): Promise<void> {
    while (!this.#stopped) {
      const call: Call = { attempts: 0 };
      const startedAtMs = performance.now();
      const recordedFrom = this.recording;
      const committed = await this.#commit(call);
      this.attempts += call.attempts;
      if (committed === false) continue;
      // Those that are still under way when the window ends are the slow ones: they count.
      if (!recordedFrom && !this.recording) continue;
      this.attemptsPerCall.record(call.attempts);
      if (committed) this.latenciesMs.record(performance.now() - startedAtMs);
    }
  }

  /** Undefined when the call gave up, false when it was declined. */
  async #commit(call: Call): Promise<boolean | undefined> {
    try {
      const committed = await this.load.call(call);
      if (committed) this.commits += 1;
      else this.declined += 1;
      return committed;
    } catch (error) {
      if (!(error instanceof GaveUpError)) throw error;
      this.gaveUp += 1;
      return undefined;
    }
  }
}
