import {
  DistributedTxError,
  EntityInvalidError,
  StoredDataError,
  StoreRefusedError,
  StoreUnavailableError,
} from '../errors/index.js';
import { quoteKey } from '../errors/transaction.errors.js';
import type { AdoptResult } from './entity-data.js';
import { parseObject } from './entity-format.js';

/**
 * What the text under a key means by itself. A value that is no string reads as an empty one.
 * @throws StoredDataError
 */
export function parseAdopted(text: string, entity: string): Record<string, unknown> {
  if (text !== '') return parseObject(text, entity);
  throw new StoredDataError(
    `Under the key of ${entity} stands an empty string, or a value of another type, as a list or a hash; ` +
      'no entity can be made of it.',
  );
}

/** The error that ended an adoption, which tells how far that has come. */
export function stoppedAt(
  entity: string,
  id: unknown,
  { adopted, skipped }: AdoptResult,
  error: unknown,
): unknown {
  const where =
    `adopt() stopped at ${entity} ${quoteKey(String(id))} (adopted before: ${adopted}, skipped: ` +
    `${skipped}): `;
  // Those of a store that is gone belong to all callers who wait for it.
  for (const OfStore of [StoreUnavailableError, StoreRefusedError]) {
    if (error instanceof OfStore) return new OfStore(where + error.message, { cause: error });
  }
  if (error instanceof DistributedTxError) return withText(error, where + error.message);
  return new EntityInvalidError(
    `${where}its value could not be made an entity, see \`cause\`. It was left as it is.`,
    { cause: error },
  );
}

function withText(error: DistributedTxError, message: string): DistributedTxError {
  const { message: before, stack } = error;
  error.message = message;
  // The stack, which is what logs show, begins with the text the error was made with.
  if (stack !== undefined) error.stack = stack.replace(before, () => message);
  return error;
}
