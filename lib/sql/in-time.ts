/** The error of what was sent and not answered in time: whether it happened is not known. */
export class NoAnswerInTimeError extends Error {
  override readonly name = 'NoAnswerInTimeError';
}

/** `promise`, or after `leftMs` milliseconds a NoAnswerInTimeError; it is left alone then. */
export function inTime<T>(promise: Promise<T>, leftMs: number, what: string): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new NoAnswerInTimeError(`${what} was not answered in time.`)),
      Math.max(leftMs, 0),
    );
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
