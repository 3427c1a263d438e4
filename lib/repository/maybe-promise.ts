/** What is known already is not waited for: most operations of a transaction need no round trip. */
export type MaybePromise<T> = T | Promise<T>;

export function after<T, R>(value: MaybePromise<T>, then: (value: T) => R): MaybePromise<R> {
  return value instanceof Promise ? value.then(then) : then(value);
}
