/** What is known already is not waited for: most operations of a transaction need no round trip. */
export type MaybePromise<T> = T | Promise<T>;
