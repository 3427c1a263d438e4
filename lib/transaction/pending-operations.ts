import { TransactionClosedError } from '../errors/index.js';

/**
 * Operations of a transaction that have not settled. Their promises are left alone as long as the
 * method runs: an error that nobody handles stays visible.
 */
export class PendingOperations {
  /** Most transactions wait for one read at a time, and need no collection for it. */
  #only: Promise<unknown> | undefined;
  #others: Set<Promise<unknown>> | undefined;

  get isEmpty(): boolean {
    return this.#only === undefined && this.#others === undefined;
  }

  /** Counts `start.then(proceed)` as pending until it settles, and returns it. */
  follow<T, R>(start: Promise<T>, proceed: (value: T) => R): Promise<R> {
    const promise: Promise<R> = start.then(
      (value) => {
        this.#remove(promise);
        return proceed(value);
      },
      (error: unknown) => {
        this.#remove(promise);
        throw error;
      },
    );
    if (this.#only === undefined) this.#only = promise;
    else (this.#others ??= new Set()).add(promise);
    return promise;
  }

  /**
   * Waits for all of them, and for those they lead to; fails if one of them does. Those that came too
   * late for a nested method have failed with it already.
   */
  async settle(): Promise<void> {
    while (!this.isEmpty) {
      const results = await Promise.allSettled(this.#all());
      const failed = results.find(
        (result) =>
          result.status === 'rejected' && !(result.reason instanceof TransactionClosedError),
      );
      if (failed?.status === 'rejected') throw failed.reason;
    }
  }

  /** Nobody may be left to hear of them. */
  ignore(): void {
    for (const promise of this.#all()) promise.catch(() => undefined);
  }

  #all(): Promise<unknown>[] {
    return [...(this.#only === undefined ? [] : [this.#only]), ...(this.#others ?? [])];
  }

  #remove(promise: Promise<unknown>): void {
    if (this.#only === promise) this.#only = undefined;
    else this.#others?.delete(promise);
    if (this.#others?.size === 0) this.#others = undefined;
  }
}
