/** What drivers put on the errors that their server answered. */
export interface DriverError {
  readonly code?: unknown;
  readonly errno?: unknown;
  readonly sqlState?: unknown;
  readonly severity?: unknown;
}

/** Where mappers keep the error of the driver. */
const WITHIN = ['cause', 'driverError', 'original', 'originalError', 'previous', 'meta', 'parent'];
const DEPTH = 6;

/** The error, and those that it wraps: whatever mapper it came through. */
export function* errorsWithin(error: unknown, depth = DEPTH): Generator<DriverError> {
  if (typeof error !== 'object' || error === null || depth === 0) return;
  yield error;
  for (const key of WITHIN) {
    const inner: unknown = (error as Record<string, unknown>)[key];
    if (inner !== error) yield* errorsWithin(inner, depth - 1);
  }
}

export function someWithin(error: unknown, test: (one: DriverError) => boolean): boolean {
  for (const one of errorsWithin(error)) if (test(one)) return true;
  return false;
}

const SOCKET_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'PROTOCOL_CONNECTION_LOST',
  'PROTOCOL_ENQUEUE_AFTER_FATAL_ERROR',
  'PROTOCOL_ENQUEUE_AFTER_QUIT',
  'PROTOCOL_SEQUENCE_TIMEOUT',
]);

/** What `pg` and its pool say without a code. */
const LOST =
  /connection terminated|client has encountered a connection error|connection is closed|client was closed|closed state/i;

/** The connection is lost: by the socket, or by what the driver says of it. */
export function isConnectionLost(error: unknown): boolean {
  return someWithin(error, (one) => {
    if (typeof one.code === 'string' && SOCKET_CODES.has(one.code)) return true;
    return one.code === undefined && one instanceof Error && LOST.test(one.message);
  });
}
