import { LimitExceededError } from '../errors/index.js';
import type { OperationLog } from './operation-log.js';
import type { ItemReference } from './operation.js';

/** Bounds that are checked before anything is sent. */
export interface TransactionLimits {
  /** Items one transaction may touch. @default 1000 */
  readonly items: number;
  /** UTF-8 bytes of a key in the store. @default 1024 */
  readonly keyBytes: number;
  /** UTF-8 bytes of one stored entity. @default 1048576 */
  readonly valueBytes: number;
  /** UTF-8 bytes of all values that one transaction writes. @default 8388608 */
  readonly transactionBytes: number;
}

export const DEFAULT_LIMITS: TransactionLimits = {
  items: 1000,
  keyBytes: 1024,
  valueBytes: 1024 * 1024,
  transactionBytes: 8 * 1024 * 1024,
};

/** @throws LimitExceededError */
export function checkBytes(limit: keyof TransactionLimits, text: string, allowed: number): void {
  // A UTF-16 unit becomes three bytes at most, so short texts need no counting.
  if (text.length * 3 <= allowed) return;
  const bytes = Buffer.byteLength(text);
  if (bytes > allowed) throw new LimitExceededError(limit, allowed, bytes);
}

/** @throws LimitExceededError when a transaction would touch too many items. */
export function limitItems(
  log: OperationLog,
  more: readonly ItemReference[],
  { items: allowed }: TransactionLimits,
): void {
  if (log.itemCount + more.length <= allowed) return;
  // Only now it matters that one item may be named twice, or be known already.
  const unknown = more.filter((item) => log.stateOf(item) === undefined);
  const actual = log.itemCount + new Set(unknown.map(({ key }) => key)).size;
  if (actual > allowed) throw new LimitExceededError('items', allowed, actual);
}

/** @throws LimitExceededError when a transaction would write too much. */
export function addBytes(
  written: number,
  payload: string,
  { transactionBytes: allowed }: TransactionLimits,
): number {
  const bytes = written + Buffer.byteLength(payload);
  if (bytes > allowed) throw new LimitExceededError('transactionBytes', allowed, bytes);
  return bytes;
}
