import { Catch, Logger, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import {
  DistributedTxError,
  ERROR_CODES,
  TransactionOutcomeUnknownError,
  type ErrorCode,
} from '../errors/index.js';

/** What a client is told. It holds no key, no version and no value. */
export interface DistributedTxErrorBody {
  readonly statusCode: number;
  readonly error: string;
  readonly code: ErrorCode;
  readonly message: string;
  /** Of a transaction whose outcome is unknown: what to ask `transactionManager.outcomeOf` for. */
  readonly address?: string;
}

interface Answer {
  readonly statusCode: number;
  readonly error: string;
  readonly message: string;
  /** The call may be repeated as it is, after so many seconds. */
  readonly retryAfterS?: number;
}

/** What the responses of Express and Fastify have in common. */
interface FrameworkResponse {
  status(statusCode: number): FrameworkResponse;
  header(name: string, value: string): FrameworkResponse;
  send(body: unknown): unknown;
}

/** The response of Node. Nest hands it to filters where a middleware fails on Fastify. */
interface NativeResponse {
  statusCode: number;
  setHeader(name: string, value: string): unknown;
  end(body?: string): unknown;
}

interface ResponseState {
  readonly headersSent?: boolean;
  /** Fastify's word for it. */
  readonly sent?: boolean;
  /** Fastify's way to the response of Node. */
  readonly raw?: NativeResponse;
}

/** Socket.IO emits events; what is a native WebSocket sends text. */
interface WsClient {
  readonly readyState?: unknown;
  emit?(event: string, payload: unknown): unknown;
  send?(text: string): unknown;
}

const conflict = (message: string): Answer => ({ statusCode: 409, error: 'Conflict', message });
const badRequest = (message: string): Answer => ({
  statusCode: 400,
  error: 'Bad Request',
  message,
});
const unavailable = (message: string, retryAfterS?: number): Answer => ({
  statusCode: 503,
  error: 'Service Unavailable',
  message,
  ...(retryAfterS !== undefined && { retryAfterS }),
});

const INTERNAL: Answer = {
  statusCode: 500,
  error: 'Internal Server Error',
  message: 'Internal server error',
};

const ANSWERS: Readonly<Partial<Record<ErrorCode, Answer>>> = {
  [ERROR_CODES.TRANSACTION_CONFLICT]: conflict(
    'The data were changed by somebody else at the same time. Nothing was written; try again.',
  ),
  [ERROR_CODES.VERSION_MISMATCH]: conflict(
    'The data have changed since they were read. Nothing was written; read them again.',
  ),
  [ERROR_CODES.PARTICIPANT_CONFLICT]: conflict(
    'The data were changed by somebody else at the same time. Nothing was written; try again.',
  ),
  [ERROR_CODES.ENTITY_ALREADY_EXISTS]: conflict('It exists already. Nothing was written.'),
  [ERROR_CODES.COUNTER_BOUND]: conflict(
    'The change would leave the allowed range. Nothing was written.',
  ),
  [ERROR_CODES.ENTITY_NOT_FOUND]: { statusCode: 404, error: 'Not Found', message: 'Not found.' },
  [ERROR_CODES.ENTITY_ID_INVALID]: badRequest('An id is not valid.'),
  [ERROR_CODES.ENTITY_INVALID]: badRequest('The data are not valid.'),
  [ERROR_CODES.LIMIT_EXCEEDED]: {
    statusCode: 413,
    error: 'Payload Too Large',
    message: 'The id or the data are too large. Nothing was written.',
  },
  [ERROR_CODES.TRANSACTION_TIMEOUT]: unavailable(
    'The work took too long. Nothing was written; try again later.',
    1,
  ),
  [ERROR_CODES.STORE_UNAVAILABLE]: unavailable(
    'The data store cannot be reached. Nothing was written; try again later.',
    1,
  ),
  [ERROR_CODES.STORE_REFUSED]: unavailable(
    'The data store refuses the work. Nothing was written; try again later.',
    1,
  ),
  [ERROR_CODES.PARTICIPANT_UNAVAILABLE]: unavailable(
    'The database cannot be reached. Nothing was written; try again later.',
    1,
  ),
  [ERROR_CODES.PARTICIPANT_REFUSED]: unavailable(
    'The database refuses the work. Nothing was written; try again later.',
    1,
  ),
  // Without Retry-After: whoever repeats this call by itself may do the work twice.
  [ERROR_CODES.OUTCOME_UNKNOWN]: unavailable(
    'The work may or may not have been done. Do not repeat it before its outcome is known.',
  ),
};

/**
 * Answers HTTP requests that fail with an error of this library, on Express and on Fastify:
 *
 * | error | status |
 * |---|---|
 * | conflict (of a database, too), version mismatch, already exists, counter bound | 409 |
 * | entity not found | 404 |
 * | invalid id, invalid entity | 400 |
 * | limit exceeded | 413 |
 * | time-out, store or participant unavailable or refusing | 503 with `Retry-After` |
 * | outcome unknown | 503 with the `address` of the transaction |
 * | any other | 500 without details |
 *
 * Texts are for outsiders; what a 5xx was about is logged. WebSocket clients get an `exception`
 * message as from Nest's own filter; elsewhere (microservices, GraphQL) the error is left to Nest.
 *
 * To opt in: `app.useGlobalFilters(new DistributedTxExceptionFilter())`, or provide it as `APP_FILTER`.
 */
@Catch(DistributedTxError)
export class DistributedTxExceptionFilter implements ExceptionFilter<DistributedTxError> {
  readonly #log = new Logger(DistributedTxExceptionFilter.name);

  catch(error: DistributedTxError, host: ArgumentsHost): void {
    const type = host.getType();
    // A filter that returns nothing leaves the error to Nest's own.
    if (type !== 'http' && type !== 'ws') return;
    const answer = ANSWERS[error.code] ?? INTERNAL;
    this.#logServerError(error, answer);
    if (type === 'http') {
      reply(host.switchToHttp().getResponse(), answer, toBody(error, answer));
    } else {
      // Here Nest takes an error for answered as soon as a filter has seen it.
      const { message } = answer;
      emit(host.switchToWs().getClient(), { status: 'error', message, code: error.code });
    }
  }

  #logServerError(error: DistributedTxError, { statusCode }: Answer): void {
    if (statusCode === 500) this.#log.error(error);
    else if (statusCode > 500) this.#log.warn(`${error.name} (${error.code}): ${error.message}`);
  }
}

function toBody(error: DistributedTxError, answer: Answer): DistributedTxErrorBody {
  const { statusCode, error: reason, message } = answer;
  const body = { statusCode, error: reason, code: error.code, message };
  return error instanceof TransactionOutcomeUnknownError
    ? { ...body, address: error.address }
    : body;
}

function reply(response: unknown, answer: Answer, body: DistributedTxErrorBody): void {
  const { headersSent, sent, raw } = response as ResponseState;
  if (headersSent || sent) {
    (raw ?? (response as NativeResponse)).end();
    return;
  }
  const { statusCode, retryAfterS } = answer;
  if (typeof (response as Partial<FrameworkResponse>).status === 'function') {
    const framework = (response as FrameworkResponse).status(statusCode);
    if (retryAfterS !== undefined) framework.header('Retry-After', String(retryAfterS));
    framework.send(body);
    return;
  }
  const native = response as NativeResponse;
  native.statusCode = statusCode;
  if (retryAfterS !== undefined) native.setHeader('Retry-After', String(retryAfterS));
  native.setHeader('Content-Type', 'application/json; charset=utf-8');
  native.end(JSON.stringify(body));
}

function emit(client: WsClient, payload: unknown): void {
  if (typeof client.readyState === 'number') {
    client.send?.(JSON.stringify({ event: 'exception', data: payload }));
  } else {
    client.emit?.('exception', payload);
  }
}
