/**
 * `ok`: certainly committed. `fail`: certainly without any effect. `info`: the outcome is unknown.
 * A transaction must only be reported as `fail` when that is certain, otherwise it is `info`.
 */
export type TransactionStatus = 'ok' | 'fail' | 'info';

/** A read as it was returned to the transaction, own appends included. */
export interface ReadOperation {
  readonly kind: 'read';
  readonly key: string;
  readonly list: readonly number[];
}

/** An attempted append; the value is unique among all appends to the key. */
export interface AppendOperation {
  readonly kind: 'append';
  readonly key: string;
  readonly value: number;
}

export type HistoryOperation = ReadOperation | AppendOperation;

export interface HistoryTransaction {
  readonly id: string;
  readonly status: TransactionStatus;
  /** Taken before the transaction did anything; all times come from one monotonic clock. */
  readonly startedAt: number;
  /** Taken after the outcome was known; without meaning when the status is `info`. */
  readonly endedAt: number;
  /** In program order, the attempted appends of failed transactions included. */
  readonly operations: readonly HistoryOperation[];
}

/** The lists after all transactions have been settled; a key that is missing has an empty list. */
export type FinalReads = ReadonlyMap<string, readonly number[]>;

/** One operation as the witnesses print it; of a long list only the end is shown. */
export function describeOperation(operation: HistoryOperation): string {
  return operation.kind === 'append'
    ? `append ${operation.key} ${operation.value}`
    : `read ${operation.key} ${describeList(operation.list)}`;
}

export function describeList(list: readonly number[]): string {
  const shown = 8;
  return list.length <= shown
    ? `[${list.join(' ')}]`
    : `[${list.length - shown} more, ${list.slice(-shown).join(' ')}]`;
}

export function describeTransaction(transaction: HistoryTransaction): string {
  const { id, status, startedAt, endedAt, operations } = transaction;
  const period = status === 'info' ? `from ${startedAt}` : `from ${startedAt} to ${endedAt}`;
  return `${id} (${status}, ${period}): ${operations.map(describeOperation).join(', ')}`;
}
