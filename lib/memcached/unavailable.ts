import { StoreUnavailableError } from '../errors/index.js';

export const nothingWritten = 'Nothing was written.';

export function unavailable(server: string, what: string, cause?: unknown): StoreUnavailableError {
  const message = `Memcached at ${server} ${what}. ${nothingWritten}`;
  return new StoreUnavailableError(message, cause === undefined ? undefined : { cause });
}
