import { DistributedTxError } from '../../lib/errors/index.js';

/** How a call ended, as the caller was told. */
export type Outcome<T> =
  | { readonly kind: 'resolved'; readonly value: T; readonly tookMs: number }
  | { readonly kind: 'rejected'; readonly error: DistributedTxError; readonly tookMs: number };

/** Waits for a call. An error that is not one of the library's own is thrown on: nobody documents it. */
export async function outcomeOf<T>(call: Promise<T>): Promise<Outcome<T>> {
  const startedAt = performance.now();
  try {
    const value = await call;
    return { kind: 'resolved', value, tookMs: performance.now() - startedAt };
  } catch (error) {
    if (!(error instanceof DistributedTxError)) throw error;
    return { kind: 'rejected', error, tookMs: performance.now() - startedAt };
  }
}

/** The error that a call ended with. @throws when it resolved. */
export async function errorOf(call: Promise<unknown>): Promise<DistributedTxError> {
  const outcome = await outcomeOf(call);
  if (outcome.kind === 'rejected') return outcome.error;
  throw new Error(`The call resolved with ${JSON.stringify(outcome.value)}.`);
}
