import { InvariantViolationError } from '../../errors/index.js';
import { isPlaceholder, parseLock, printLock, seenVersionOf, type Lock } from '../lock.js';
import { parseStoredItem, printStoredItem, type StoredItem } from '../stored-item.js';
import { printAddress, type TransactionAddress } from '../transaction-address.js';
import { ABSENT_VERSION, isAbsence, isExpected, writerOf } from '../version.js';
import type {
  AppliedStatus,
  CommitItem,
  HeldItem,
  ItemChange,
  ItemRefusal,
  PrepareReply,
  PrepareRequest,
} from '../versioned-store.js';
import {
  changedText,
  deleted,
  headOf,
  incrementedCounters,
  standsInstead,
} from './judge-commit.js';

/** What stands under a key. */
export interface Entry {
  readonly value: string;
  /** Infinity for what never expires. */
  readonly expiresAtMs: number;
}

/** What becomes of a key: undefined deletes. */
export interface Replacement {
  readonly key: string;
  readonly entry: Entry | undefined;
}

interface Held {
  readonly head: string;
  /** Undefined where the item is held already. */
  readonly replacement?: Replacement;
}

/**
 * The rules of the first phase: all items are checked, in their order, before the first one is locked.
 *
 * @param absentVersion The version of the placeholders of absent items, which no other step may give.
 */
export function judgePrepare(
  request: PrepareRequest,
  get: (key: string) => Entry | undefined,
  absentVersion: string,
): { readonly reply: PrepareReply; readonly replacements: readonly Replacement[] } {
  const heads: string[] = [];
  const replacements: Replacement[] = [];
  for (const [index, item] of request.items.entries()) {
    const standing = get(item.key);
    const stood = standing === undefined ? undefined : parseStoredItem(standing.value);
    if (stood?.kind === 'foreign') return { reply: { status: 'foreign', index }, replacements: [] };
    const judged =
      holding(stood, index, request.address) ??
      refusalOf(item, index, stood) ??
      locked(item.key, { stood, standing, absentVersion }, request);
    if ('status' in judged) return { reply: judged, replacements: [] };
    heads.push(judged.head);
    if (judged.replacement !== undefined) replacements.push(judged.replacement);
  }
  return { reply: { status: 'prepared', heads }, replacements };
}

/** A repeated step finds what it locked, though by now nothing of it need be as expected. */
function holding(
  stood: StoredItem | undefined,
  index: number,
  address: TransactionAddress,
): Held | ItemRefusal | undefined {
  if (stood?.lock === undefined) return undefined;
  return lockOf(stood, address) === undefined
    ? standsInstead(stood, index)
    : { head: headOf(stood) };
}

function refusalOf(
  { expected, expectedForeign, change }: CommitItem,
  index: number,
  stood: StoredItem | undefined,
): ItemRefusal | undefined {
  // A foreign value bears no lock, so it cannot be adopted here; what stands is not even that any more.
  if (expectedForeign !== undefined) return standsInstead(stood, index);
  if (change?.kind === 'increment') {
    if (stood === undefined || isAbsence(stood.version)) return { status: 'absent', index };
    const counters = incrementedCounters(stood, change);
    return typeof counters === 'string' ? undefined : { ...counters, index };
  }
  const isSeen = expected === undefined || isExpected(expected, seenVersionOf(stood));
  return isSeen ? undefined : standsInstead(stood, index);
}

/** The expiry is suspended: nothing may vanish that a decided transaction still has to write. */
function locked(
  key: string,
  item: {
    readonly stood: StoredItem | undefined;
    readonly standing: Entry | undefined;
    readonly absentVersion: string;
  },
  { address, marked }: PrepareRequest,
): Held {
  const { stood, standing } = item;
  const expiresAtMs =
    standing !== undefined && Number.isFinite(standing.expiresAtMs)
      ? Math.ceil(standing.expiresAtMs)
      : undefined;
  const lock = printLock({ address, marked, expiresAtMs });
  const head = `${stood?.version ?? item.absentVersion}*${lock}`;
  const value = printStoredItem(head, stood?.counters ?? '', stood?.payload ?? '');
  return { head, replacement: { key, entry: { value, expiresAtMs: Number.POSITIVE_INFINITY } } };
}

/**
 * The rules of the second phase for one item of a committed transaction.
 *
 * @param tombstoneMs How long it is remembered who deleted an item; undefined where nobody asks.
 */
export function judgeApply(
  item: HeldItem,
  address: TransactionAddress,
  standing: Entry | undefined,
  { nowMs, tombstoneMs }: { readonly nowMs: number; readonly tombstoneMs?: number },
): { readonly status: AppliedStatus; readonly replacement?: Replacement } {
  const { key, held, change } = item;
  if (standing === undefined) return { status: change.kind === 'delete' ? 'applied' : 'passed' };
  const stood = parseStoredItem(standing.value);
  if (stood.kind === 'foreign') return { status: 'passed' };
  if (headOf(stood) === held) {
    const { value, ttlMs = Number.POSITIVE_INFINITY } =
      change.kind === 'delete'
        ? deleted({ writer: address.id, tombstoneMs })
        : applied({ key, change, stood }, address);
    const entry = value === undefined ? undefined : { value, expiresAtMs: nowMs + ttlMs };
    return { status: 'applied', replacement: { key, entry } };
  }
  const status = writerOf(seenVersionOf(stood)) === address.id ? 'applied' : 'passed';
  // A late `prepare` may lock again what was applied before.
  const replacement = judgeRelease(key, address, standing, nowMs);
  return replacement === undefined ? { status } : { status, replacement };
}

function applied(
  item: {
    readonly key: string;
    readonly change: Exclude<ItemChange, { kind: 'delete' }>;
    readonly stood: StoredItem;
  },
  address: TransactionAddress,
): { readonly value: string; readonly ttlMs: number | undefined } {
  const { key, change, stood } = item;
  const value = changedText(stood, change, address.id);
  if (typeof value === 'string') return { value, ttlMs: change.ttlMs };
  throw new InvariantViolationError(
    `Transaction ${printAddress(address)} holds ${key}, and cannot be applied to it: ${value.status}.`,
  );
}

/** What becomes of an item when its lock is removed; undefined where the transaction has none on it. */
export function judgeRelease(
  key: string,
  address: TransactionAddress,
  standing: Entry | undefined,
  nowMs: number,
): Replacement | undefined {
  const stood = standing === undefined ? undefined : parseStoredItem(standing.value);
  if (stood?.kind !== 'item') return undefined;
  const lock = lockOf(stood, address);
  if (lock === undefined) return undefined;
  const { expiresAtMs = Number.POSITIVE_INFINITY } = lock;
  if (isPlaceholder(stood) || expiresAtMs <= nowMs) return { key, entry: undefined };
  const { version, counters, payload } = stood;
  return { key, entry: { value: printStoredItem(version, counters, payload), expiresAtMs } };
}

/** The lock of this transaction, in whatever words it is written; undefined where it has none. */
function lockOf({ lock }: StoredItem, address: TransactionAddress): Lock | undefined {
  const parsed = lock === undefined ? undefined : parseLock(lock);
  if (parsed === undefined) return undefined;
  return printAddress(parsed.address) === printAddress(address) ? parsed : undefined;
}

/** The version of a placeholder is the time at which an absent item was locked, in microseconds. */
export function placeholderVersion(timeUs: number): string {
  return `${ABSENT_VERSION}.${timeUs}`;
}
