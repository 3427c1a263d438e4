import { inspect } from 'node:util';
import { TransactionOptionsError } from '../errors/index.js';
import { unknownName } from '../errors/unknown-name.js';
import type { RetryOptions } from './backoff.js';
import { Propagation } from './propagation.js';

/**
 * - `serializable`: every item read, and every absence, still holds at commit.
 * - `read-committed`: only what is written, or was read for update, is validated.
 */
export const ISOLATION_LEVELS = ['read-committed', 'serializable'] as const;
export type Isolation = (typeof ISOLATION_LEVELS)[number];

/** Error classes, or a function that says whether an error is meant. */
export type ErrorFilter =
  readonly (abstract new (...args: never[]) => unknown)[] | ((error: unknown) => boolean);

/** The options of one transaction. What is not set comes from `forRoot({ defaults })`. */
export interface TransactionOptions {
  /** What to do with a transaction that is already running. @default 'REQUIRED' */
  readonly propagation?: Propagation;
  /** @default 'serializable' */
  readonly isolation?: Isolation;
  /** Refuses writes. Joined inside a writing transaction, it guards the inner method only. @default false */
  readonly readOnly?: boolean;
  /**
   * How long the whole call may take, all attempts included, in milliseconds. Minimum 1, maximum
   * `maxTimeoutMs` of the module. @default 5000
   */
  readonly timeoutMs?: number;
  /** How the call is repeated after conflicts. */
  readonly retry?: RetryOptions;
  /** Only these errors roll back; all others commit and are thrown afterwards. @default every error */
  readonly rollbackFor?: ErrorFilter;
  /** These errors do not roll back; wins over `rollbackFor`. @default none */
  readonly noRollbackFor?: ErrorFilter;
  /** Names the work in logs and in the transaction's record. @default the class and the method */
  readonly name?: string;
}

/** What may be set for all transactions of an application. */
export type TransactionDefaults = Pick<
  TransactionOptions,
  'isolation' | 'readOnly' | 'timeoutMs' | 'retry'
>;

/** Options with every default filled in; frozen. */
export interface ResolvedOptions {
  readonly propagation: Propagation;
  readonly isolation: Isolation;
  readonly readOnly: boolean;
  readonly timeoutMs: number;
  readonly retry: Required<RetryOptions>;
  readonly rollsBackFor: (error: unknown) => boolean;
  readonly name: string | undefined;
  /** What the caller has set himself: only that can contradict a transaction that is joined. */
  readonly given: TransactionOptions;
}

export const BUILT_IN_DEFAULTS = {
  isolation: 'serializable',
  readOnly: false,
  timeoutMs: 5000,
  retry: { attempts: 10, backoffMs: 1, maxBackoffMs: 128, lockAfter: 4 },
} as const satisfies TransactionDefaults;

const KNOWN = new Set([
  'propagation',
  'isolation',
  'readOnly',
  'timeoutMs',
  'retry',
  'rollbackFor',
  'noRollbackFor',
  'name',
]);

/** What `maxTimeoutMs` of a module can be at most. */
export const LONGEST_TIMEOUT_MS = 3_600_000;

/** @throws TransactionOptionsError naming the option, its value and what is allowed. */
export function validateOptions(options: TransactionOptions, maxTimeoutMs: number): void {
  if (typeof options !== 'object' || options === null) {
    throw new TransactionOptionsError(`The options must be an object, not ${show(options)}.`);
  }
  refuseUnknown(options, KNOWN);
  oneOf('propagation', options.propagation, Object.values(Propagation));
  oneOf('isolation', options.isolation, ISOLATION_LEVELS);
  oneOf('readOnly', options.readOnly, [true, false]);
  within('timeoutMs', options.timeoutMs, 1, maxTimeoutMs);
  if (options.retry !== undefined) {
    if (typeof options.retry !== 'object' || options.retry === null) {
      wrong('retry', options.retry, 'an object { attempts, backoffMs, maxBackoffMs, lockAfter }');
    }
    refuseUnknown(options.retry, Object.keys(BUILT_IN_DEFAULTS.retry), 'retry.');
    within('retry.attempts', options.retry.attempts, 1, 1000);
    within('retry.backoffMs', options.retry.backoffMs, 0, maxTimeoutMs);
    within('retry.maxBackoffMs', options.retry.maxBackoffMs, 0, maxTimeoutMs);
    within('retry.lockAfter', options.retry.lockAfter, 1, 1000);
  }
  validateFilter('rollbackFor', options.rollbackFor);
  validateFilter('noRollbackFor', options.noRollbackFor);
  if (options.name !== undefined && typeof options.name !== 'string') {
    wrong('name', options.name, 'a string');
  }
}

/** @throws TransactionOptionsError for what cannot be called. */
export function requireWork(method: string, work: unknown): void {
  if (typeof work === 'function') return;
  throw new TransactionOptionsError(
    `${method}() takes a function that returns a Promise, not ${show(work)}: ${method}(async () => …).`,
  );
}

/** @throws TransactionOptionsError that begins with whose options they are, where that is known. */
export function validateOptionsOf(
  owner: string | undefined,
  options: TransactionOptions,
  maxTimeoutMs: number,
): void {
  try {
    validateOptions(options, maxTimeoutMs);
  } catch (cause) {
    if (owner === undefined || !(cause instanceof TransactionOptionsError)) throw cause;
    throw new TransactionOptionsError(`${owner}: ${cause.message}`, { cause });
  }
}

export function resolveOptions(
  options: TransactionOptions,
  defaults: TransactionDefaults,
): ResolvedOptions {
  return Object.freeze({
    propagation: options.propagation ?? 'REQUIRED',
    isolation: options.isolation ?? defaults.isolation ?? BUILT_IN_DEFAULTS.isolation,
    readOnly: options.readOnly ?? defaults.readOnly ?? BUILT_IN_DEFAULTS.readOnly,
    timeoutMs: options.timeoutMs ?? defaults.timeoutMs ?? BUILT_IN_DEFAULTS.timeoutMs,
    retry: resolveRetry(options.retry, defaults.retry),
    rollsBackFor: resolveFilters(options),
    name: options.name,
    given: options,
  });
}

/** Options are resolved per call where they are written per call, so what can be shared is. */
function resolveRetry(
  given: RetryOptions | undefined,
  byDefault: RetryOptions | undefined,
): Required<RetryOptions> {
  if (given === undefined && byDefault === undefined) return BUILT_IN_DEFAULTS.retry;
  return { ...BUILT_IN_DEFAULTS.retry, ...whatIsSet(byDefault), ...whatIsSet(given) };
}

function whatIsSet(retry: RetryOptions = {}): RetryOptions {
  return Object.fromEntries(Object.entries(retry).filter(([, value]) => value !== undefined));
}

const always = (): boolean => true;

function resolveFilters({
  rollbackFor,
  noRollbackFor,
}: TransactionOptions): (error: unknown) => boolean {
  if (rollbackFor === undefined && noRollbackFor === undefined) return always;
  return (error) =>
    !(noRollbackFor && matches(noRollbackFor, error)) &&
    (rollbackFor === undefined || matches(rollbackFor, error));
}

/**
 * Options that are not set always join.
 * @throws TransactionOptionsError for what the running transaction cannot give.
 */
export function refuseContradictions(inner: TransactionOptions, outer: ResolvedOptions): void {
  if (inner.isolation === 'serializable' && outer.isolation === 'read-committed') {
    contradiction('isolation', inner.isolation, outer.isolation);
  }
  if (inner.readOnly === false && outer.readOnly) contradiction('readOnly', false, true);
  if (inner.timeoutMs !== undefined && inner.timeoutMs > outer.timeoutMs) {
    contradiction('timeoutMs', inner.timeoutMs, outer.timeoutMs);
  }
  if (inner.retry !== undefined) {
    throw new TransactionOptionsError(
      'retry cannot be set where a running transaction is joined: only the whole of it can run again. ' +
        'Set it on the outermost method, or use REQUIRES_NEW.',
    );
  }
}

function contradiction(option: string, inner: unknown, outer: unknown): never {
  throw new TransactionOptionsError(
    `${option}: ${show(inner)} cannot be had in the running transaction, which has ${show(outer)}. ` +
      'Set it on the outermost method, or use REQUIRES_NEW.',
  );
}

function matches(filter: ErrorFilter, error: unknown): boolean {
  if (typeof filter === 'function') return filter(error);
  return filter.some((errorClass) => error instanceof errorClass);
}

function validateFilter(option: string, filter: ErrorFilter | undefined): void {
  if (filter === undefined || typeof filter === 'function') return;
  if (Array.isArray(filter) && filter.every((entry) => typeof entry === 'function')) return;
  wrong(option, filter, 'a list of error classes or a function');
}

function oneOf(option: string, value: unknown, allowed: readonly unknown[]): void {
  if (value === undefined || allowed.includes(value)) return;
  wrong(option, value, `one of ${allowed.map(show).join(', ')}`);
}

function within(option: string, value: number | undefined, min: number, max: number): void {
  if (value === undefined || (Number.isInteger(value) && value >= min && value <= max)) return;
  wrong(option, value, `a whole number from ${min} to ${max}`);
}

/** A misspelt option would leave its default in force, and nobody would know. */
function refuseUnknown(given: object, known: Iterable<string>, path = ''): void {
  const names = new Set(known);
  const unknown = Object.keys(given).find((name) => !names.has(name));
  if (unknown !== undefined) throw new TransactionOptionsError(path + unknownName(unknown, names));
}

function wrong(option: string, value: unknown, allowed: string): never {
  throw new TransactionOptionsError(`${option} is ${show(value)}; allowed is ${allowed}.`);
}

function show(value: unknown): string {
  return typeof value === 'string' ? `'${value}'` : inspect(value, { depth: 1 });
}
