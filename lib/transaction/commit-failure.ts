import type { CommitResult } from '../commit/commit-request.js';
import type { LockRefusal } from '../commit/item-locks.js';
import {
  EntityAlreadyExistsError,
  EntityNotFoundError,
  ForeignDataError,
  InvariantViolationError,
  ParticipantConflictError,
  StoreRefusedError,
  StoreUnavailableError,
  TransactionConflictError,
  TransactionTimeoutError,
  VersionMismatchError,
  type DistributedTxError,
} from '../errors/index.js';
import { ABSENT_VERSION, toldVersion, writerOf } from '../store/version.js';
import { brokenBound, missingCounter } from './increments.js';
import type { ItemState, LoggedItem } from './operation-log.js';

export type Refusal = Exclude<CommitResult, { status: 'committed' }>;

/** Why an attempt failed at commit, and whether the call may be run again by itself. */
export type CommitFailure =
  | { readonly error: DistributedTxError; readonly retryable: true }
  /** A participant may vote no with an error of the user. */
  | { readonly error: unknown; readonly retryable: false };

/** Puts the refusal of a commit into the words of the user's entities. */
export function toCommitFailure(
  refusal: Refusal,
  items: readonly LoggedItem[],
  timeoutMs: number,
): CommitFailure {
  switch (refusal.status) {
    case 'conflict':
    case 'locked':
      return toConflict(itemAt(items, refusal.index), refusal.found, refusal.status === 'locked');
    case 'bound':
      return final(boundError(itemAt(items, refusal.index).state, refusal));
    case 'absent': {
      const { entity, id } = itemAt(items, refusal.index).state.reference;
      return final(new EntityNotFoundError(entity, [id]));
    }
    case 'counters':
      return final(missingCounter(itemAt(items, refusal.index).state.reference));
    case 'foreign': {
      const { key, state } = itemAt(items, refusal.index);
      // A value that changed while it was being adopted is looked at again.
      const error = new ForeignDataError(key);
      return state.expectation?.reason === 'adopt' ? { error, retryable: true } : final(error);
    }
    case 'fenced':
    case 'rolled_back':
      return {
        retryable: true,
        error: new StoreUnavailableError(
          'The reply to the commit was lost; the commit was fenced off before it happened. Nothing ' +
            'was written; the call may be made again.',
        ),
      };
    case 'unprepared':
      return { retryable: true, error: unpreparedBy(refusal.cause) };
    case 'vetoed':
      return refusal.cause instanceof ParticipantConflictError
        ? { error: refusal.cause, retryable: true }
        : final(refusal.cause);
    case 'deadline':
      return { retryable: true, error: new TransactionTimeoutError(timeoutMs) };
  }
}

/** The first phase of a commit over several nodes: nothing is decided, and what was locked is released. */
function unpreparedBy(cause: unknown): DistributedTxError {
  if (cause instanceof StoreRefusedError) return cause;
  return new StoreUnavailableError(
    'A node could not be asked before the commit was decided; the transaction was rolled back. Nothing was ' +
      'written; the call may be made again.',
    { cause },
  );
}

/** Somebody else held an item that was to be locked. */
export function lockConflict({ key, found }: LockRefusal): TransactionConflictError {
  return conflictWithoutStack({
    item: key,
    versionSeen: found,
    versionFound: found,
    winner: undefined,
  });
}

function toConflict(item: LoggedItem, found: string, locked: boolean): CommitFailure {
  const { reference, expectation, seen } = item.state;
  const { entity, id } = reference;
  if (seen === undefined && expectation !== undefined && !locked) {
    if (expectation.reason === 'insert') return final(new EntityAlreadyExistsError(entity, id));
    if (expectation.reason === 'expected-version') {
      return final(new VersionMismatchError(entity, id, expectation.version, toldVersion(found)));
    }
  }
  return { error: conflictOn(item, found, locked), retryable: true };
}

function conflictOn(item: LoggedItem, found: string, locked: boolean): TransactionConflictError {
  // Who writes without having read depends on no version, only on the lock.
  const seen = item.expected ?? (locked ? found : ABSENT_VERSION);
  return conflictWithoutStack({
    item: item.key,
    versionSeen: seen,
    versionFound: found,
    winner: seen === found ? undefined : writerOf(found),
  });
}

/** It would show the arrival of a reply, at ten times the price of the error. */
function conflictWithoutStack(
  facts: ConstructorParameters<typeof TransactionConflictError>[0],
): TransactionConflictError {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    const { versionSeen, versionFound } = facts;
    return new TransactionConflictError({
      ...facts,
      versionSeen: toldVersion(versionSeen),
      versionFound: toldVersion(versionFound),
    });
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

function boundError(
  state: ItemState,
  refusal: { readonly increment: number; readonly value: number },
): DistributedTxError {
  const { reference, change } = state;
  const step = change?.kind === 'increment' ? change.increments[refusal.increment] : undefined;
  if (step === undefined) throw new InvariantViolationError('A bound without an increment broke.');
  return brokenBound(reference, step, refusal.value);
}

function itemAt(items: readonly LoggedItem[], index: number): LoggedItem {
  const item = items[index];
  if (item === undefined) {
    throw new InvariantViolationError(`The store refused item ${index} of ${items.length}.`);
  }
  return item;
}

function final(error: unknown): CommitFailure {
  return { error, retryable: false };
}
