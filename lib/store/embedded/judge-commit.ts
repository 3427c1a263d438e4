import { addWithin, parseCounters } from '../counters.js';
import { parseStoredItem, printStoredItem, type StoredItem } from '../stored-item.js';
import { ABSENT_VERSION, commitCountOf, nextVersion } from '../version.js';
import type { CommitItem, OnePhaseCommit, OnePhaseReply } from '../versioned-store.js';

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

type Refusal = Exclude<OnePhaseReply, { status: 'committed' }>;
type Write = Writes[number] & { readonly commitCount?: number };

/**
 * The rules of commit-one-phase.lua as a pure function: everything is checked, in the order of the
 * items, before anything is written. A test holds the two against each other.
 */
export function judgeCommit(
  commit: OnePhaseCommit,
  get: (key: string) => string | undefined,
): Verdict {
  const writes: Write[] = [];
  const commitCounts = new Map<number, number>();
  for (const [index, item] of commit.items.entries()) {
    const judged = judgeItem(item, index, get(item.key), commit.address.id);
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
  writer: string,
): Write | Refusal | undefined {
  const { key, change } = item;
  if (item.expectedForeign !== undefined && change?.kind === 'write') {
    if (raw !== item.expectedForeign) return refusalOf(raw, index);
    return writeOf(key, `1.${writer}`, change.counters, change);
  }
  const stood = raw === undefined ? undefined : parseStoredItem(raw);
  if (stood?.kind === 'foreign') return { status: 'foreign', index };
  if (change?.kind === 'increment') {
    if (stood === undefined) return { status: 'absent', index };
    if (stood.lock !== undefined) return refusalOf(raw, index);
    return increment(item, index, stood, writer);
  }
  const version = stood?.version ?? ABSENT_VERSION;
  if (stood?.lock !== undefined || (item.expected !== undefined && item.expected !== version)) {
    return refusalOf(raw, index);
  }
  if (change === undefined) return undefined;
  if (change.kind === 'delete') return { key, value: undefined, ttlMs: undefined };
  const next = nextVersion(version, writer);
  const write = writeOf(key, next, change.counters, change);
  return item.expected === undefined ? { ...write, commitCount: commitCountOf(next) } : write;
}

function writeOf(
  key: string,
  version: string,
  counters: string,
  { payload, ttlMs }: { readonly payload: string; readonly ttlMs: number | undefined },
): Write {
  return { key, value: printStoredItem(version, counters, payload), ttlMs };
}

function increment(
  item: CommitItem,
  index: number,
  stood: StoredItem,
  writer: string,
): Write | Refusal {
  if (item.change?.kind !== 'increment') return { status: 'absent', index };
  const values = parseCounters(stood.counters);
  for (const [nth, step] of item.change.increments.entries()) {
    const value = values[step.index];
    if (value === undefined) return { status: 'counters', index };
    const sum = addWithin(value, step);
    if (sum === undefined) return { status: 'bound', index, increment: nth, value };
    values[step.index] = sum;
  }
  const next = nextVersion(stood.version, writer);
  const write = writeOf(item.key, next, values.join(','), {
    payload: stood.payload,
    ttlMs: item.change.ttlMs,
  });
  return { ...write, commitCount: commitCountOf(next) };
}

function refusalOf(raw: string | undefined, index: number): Refusal {
  if (raw === undefined) return { status: 'conflict', index, found: ABSENT_VERSION };
  const stood = parseStoredItem(raw);
  if (stood.kind === 'foreign') return { status: 'foreign', index };
  return { status: stood.lock === undefined ? 'conflict' : 'locked', index, found: stood.version };
}
