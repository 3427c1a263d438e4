interface ErrorOfMongo {
  readonly name?: string;
  readonly code?: unknown;
  hasErrorLabel?(label: string): boolean;
}

const WRITE_CONFLICT = 112;
const NETWORK =
  /^Mongo(Network|NetworkTimeout|ServerSelection|PoolCleared|OperationTimeout|NotConnected)/;

function labelled(error: unknown, label: string): boolean {
  return (error as ErrorOfMongo | undefined)?.hasErrorLabel?.(label) ?? false;
}

function codeOf(error: unknown): unknown {
  return (error as ErrorOfMongo | undefined)?.code;
}

/** The transaction has ended, and another attempt may succeed. */
export function isConflict(error: unknown): boolean {
  return labelled(error, 'TransientTransactionError') || codeOf(error) === WRITE_CONFLICT;
}

/** The answer to a commit that proves that nothing was committed. */
export function provesNoCommit(error: unknown): boolean {
  return (
    labelled(error, 'TransientTransactionError') &&
    !labelled(error, 'UnknownTransactionCommitResult')
  );
}

export function isUnavailable(error: unknown): boolean {
  return NETWORK.test((error as ErrorOfMongo | undefined)?.name ?? '');
}

/** The server has answered so; it ends a transaction with the first error. */
export function isFromServer(error: unknown): boolean {
  return typeof codeOf(error) === 'number';
}

export function isDuplicate(error: unknown): boolean {
  return codeOf(error) === 11_000;
}
