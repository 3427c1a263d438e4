/**
 * Operations of a transaction that have not settled. Their promises are left alone as long as the
 * method runs: an error that nobody handles stays visible.
 */
export class PendingOperations {
  readonly #promises = new Set<Promise<unknown>>();

  get isEmpty(): boolean {
    return this.#promises.size === 0;
  }

  /** Counts `start.then(proceed)` as pending until it settles, and returns it. */
  follow<T, R>(start: Promise<T>, proceed: (value: T) => R): Promise<R> {
    const promise: Promise<R> = start.then(
      (value) => {
        this.#promises.delete(promise);
        return proceed(value);
      },
      (error: unknown) => {
        this.#promises.delete(promise);
        throw error;
      },
    );
    this.#promises.add(promise);
    return promise;
  }

  /** Waits for all of them, and for those they lead to; fails if one of them does. */
  async settle(): Promise<void> {
    while (this.#promises.size > 0) {
      const results = await Promise.allSettled(this.#promises);
      const failed = results.find((result) => result.status === 'rejected');
      if (failed) throw failed.reason;
    }
  }

  /** Nobody may be left to hear of them. */
  ignore(): void {
    for (const promise of this.#promises) promise.catch(() => undefined);
  }
}
