import { TransactionalReturnTypeError } from '../errors/index.js';

const NAMELESS = 'The work given to run()';

/**
 * To be called in the context of the transaction: the builders of many clients are no Promises, and run their
 * statement once somebody waits for them.
 *
 * @throws TransactionalReturnTypeError for what cannot be waited for.
 */
export function requirePromise<T>(returned: Promise<T>, name: string | undefined): Promise<T> {
  if (returned instanceof Promise) return returned;
  const thenable = returned as PromiseLike<T> | null | undefined;
  if (typeof thenable?.then === 'function') {
    return new Promise<T>((resolve, reject) => void thenable.then(resolve, reject));
  }
  throw new TransactionalReturnTypeError(name ?? NAMELESS, returned);
}

/** An Observable that came out of a Promise; told by its shape, since this code knows no RxJS. */
export function isStream(value: unknown): boolean {
  const stream = value as { subscribe?: unknown; pipe?: unknown } | null | undefined;
  return typeof stream?.subscribe === 'function' && typeof stream.pipe === 'function';
}

export function streamRefusal(
  name: string | undefined,
  stream: unknown,
): TransactionalReturnTypeError {
  return new TransactionalReturnTypeError(name ?? NAMELESS, stream);
}
