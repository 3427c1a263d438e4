import { addWithin, parseCounters } from '../counters.js';
import { seenVersionOf } from '../lock.js';
import {
  parseStoredItem,
  printStoredItem,
  printTombstone,
  type StoredItem,
} from '../stored-item.js';
import { ABSENT_VERSION, commitCountOf, isAbsence, isExpected, nextVersion } from '../version.js';
import type {
  CommitItem,
  ItemChange,
  ItemRefusal,
  OnePhaseCommit,
  OnePhaseReply,
} from '../versioned-store.js';

/** What a commit changes, if it is allowed; an undefined value deletes. */
export type Writes = readonly {
  readonly key: string;
  readonly value: string | undefined;
  readonly ttlMs: number | undefined;
}[];

export interface Verdict {
  readonly reply: OnePhaseReply;
  readonly writes: Writes;
}

/** Whose changes they are, and what deletions of theirs leave. */
export interface ChangedBy {
  readonly writer: string;
  readonly tombstoneMs: number | undefined;
}

type Write = Writes[number] & { readonly commitCount?: number };

/**
 * The rules of commit-one-phase.lua as a pure function: everything is checked, in the order of the
 * items, before anything is written. A test holds the two against each other.
 *
 * @param tombstoneMs How long it is remembered who deleted an item; undefined where nobody asks.
 */
export function judgeCommit(
  commit: OnePhaseCommit,
  get: (key: string) => string | undefined,
  tombstoneMs?: number,
): Verdict {
  const writes: Write[] = [];
  const commitCounts = new Map<number, number>();
  for (const [index, item] of commit.items.entries()) {
    const judged = judgeItem(item, index, get(item.key), {
      writer: commit.address.id,
      tombstoneMs,
    });
    if (judged === undefined) continue;
    if ('status' in judged) return { reply: judged, writes: [] };
    writes.push(judged);
    if (judged.commitCount !== undefined) commitCounts.set(index, judged.commitCount);
  }
  return { reply: { status: 'committed', commitCounts }, writes };
}

function judgeItem(
  item: CommitItem,
  index: number,
  raw: string | undefined,
  by: ChangedBy,
): Write | ItemRefusal | undefined {
  if (item.expectedForeign !== undefined) return adopt(item, index, raw, by.writer);
  const stood = raw === undefined ? undefined : parseStoredItem(raw);
  if (stood?.kind === 'foreign') return { status: 'foreign', index };
  return refusalOf(item, index, stood) ?? changeOf(item, index, stood, by);
}

function refusalOf(
  { expected, held }: CommitItem,
  index: number,
  stood: StoredItem | undefined,
): ItemRefusal | undefined {
  if (held !== undefined) {
    return stood !== undefined && headOf(stood) === held ? undefined : standsInstead(stood, index);
  }
  const isSeen = expected === undefined || isExpected(expected, seenVersionOf(stood));
  return isSeen && stood?.lock === undefined ? undefined : standsInstead(stood, index);
}

function adopt(
  { key, change, expectedForeign }: CommitItem,
  index: number,
  raw: string | undefined,
  writer: string,
): Write | ItemRefusal | undefined {
  if (raw !== expectedForeign) {
    const stood = raw === undefined ? undefined : parseStoredItem(raw);
    return stood?.kind === 'foreign' ? { status: 'foreign', index } : standsInstead(stood, index);
  }
  if (change?.kind !== 'write') return undefined;
  const value = printStoredItem(`1.${writer}`, change.counters, change.payload);
  return { key, value, ttlMs: change.ttlMs };
}

/** What becomes of an item that stands as it has to. */
function changeOf(
  { key, change, expected }: CommitItem,
  index: number,
  stood: StoredItem | undefined,
  by: ChangedBy,
): Write | ItemRefusal | undefined {
  if (change === undefined) return undefined;
  if (change.kind === 'delete') return { key, ...deleted(by) };
  const value = changedText(stood, change, by.writer);
  if (typeof value !== 'string') return { ...value, index };
  const { ttlMs } = change;
  if (expected !== undefined) return { key, value, ttlMs };
  return { key, value, ttlMs, commitCount: commitCountOf(value) };
}

type WithoutIndex<R> = R extends unknown ? Omit<R, 'index'> : never;
/** Why an increment cannot be. */
export type IncrementRefusal = WithoutIndex<
  Extract<ItemRefusal, { status: 'absent' | 'counters' | 'bound' }>
>;

/** What an item that is deleted leaves, and for how long; an undefined value for nothing. */
export function deleted({ writer, tombstoneMs }: ChangedBy): Pick<Write, 'value' | 'ttlMs'> {
  const value = tombstoneMs === undefined ? undefined : printTombstone(writer);
  return { value, ttlMs: tombstoneMs };
}

/** The text of an item after a change. */
export function changedText(
  stood: StoredItem | undefined,
  change: Exclude<ItemChange, { kind: 'delete' }>,
  writer: string,
): string | IncrementRefusal {
  const version = nextVersion(stood?.version ?? ABSENT_VERSION, writer);
  if (change.kind === 'write') return printStoredItem(version, change.counters, change.payload);
  if (stood === undefined || isAbsence(stood.version)) return { status: 'absent' };
  const counters = incrementedCounters(stood, change);
  return typeof counters === 'string'
    ? printStoredItem(version, counters, stood.payload)
    : counters;
}

export function incrementedCounters(
  stood: StoredItem,
  change: Extract<ItemChange, { kind: 'increment' }>,
): string | IncrementRefusal {
  const values = parseCounters(stood.counters);
  for (const [nth, step] of change.increments.entries()) {
    const value = values[step.index];
    if (value === undefined) return { status: 'counters' };
    const sum = addWithin(value, step);
    if (sum === undefined) return { status: 'bound', increment: nth, value };
    values[step.index] = sum;
  }
  return values.join(',');
}

/** The refusal of a step that met another head than it has to. */
export function standsInstead(stood: StoredItem | undefined, index: number): ItemRefusal {
  const status = stood?.lock === undefined ? 'conflict' : 'locked';
  return { status, index, found: seenVersionOf(stood) };
}

/** What stands before the first bar: version and lock. */
export function headOf({ version, lock }: StoredItem): string {
  return lock === undefined ? version : `${version}*${lock}`;
}
