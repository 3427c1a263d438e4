/** What a worker was started with; see LibraryCopy. */
export function workerConfig<T>(): T {
  return JSON.parse(process.argv[2] ?? '') as T;
}

/** Hands in the report of a worker and ends its process once that has been sent. */
export function endWith(report: unknown): void {
  process.send?.(report, undefined, undefined, () => process.exit(0));
}

/** A worker does not outlive the process that started it. */
export function endWithParent(): void {
  process.once('disconnect', () => process.exit(1));
}
