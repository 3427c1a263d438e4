import { TransactionClosedError } from '../errors/index.js';

/**
 * Operations of a transaction that have not settled. Their promises are left alone as long as the
 * method runs: an error that nobody handles stays visible.
 */
export class PendingOperations {
  /** Undefined while there are none: most transactions wait for their reads and then for a while. */
  #promises: Set<Promise<unknown>> | undefined;

  get isEmpty(): boolean {
    return this.#promises === undefined;
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
    (this.#promises ??= new Set()).add(promise);
    return promise;
  }

  /**
   * Waits for all of them, and for those they lead to; fails if one of them does. Those that came too
   * late for a nested method have failed with it already.
   */
  async settle(): Promise<void> {
    while (this.#promises !== undefined) {
      const results = await Promise.allSettled(this.#promises);
      const failed = results.find(
        (result) =>
          result.status === 'rejected' && !(result.reason instanceof TransactionClosedError),
      );
      if (failed?.status === 'rejected') throw failed.reason;
    }
  }

  /** Nobody may be left to hear of them. */
  ignore(): void {
    for (const promise of this.#promises ?? []) promise.catch(() => undefined);
  }

  #remove(promise: Promise<unknown>): void {
    this.#promises?.delete(promise);
    if (this.#promises?.size === 0) this.#promises = undefined;
  }
}
