import { addWithin, parseCounters } from '../counters.js';
import { parseStoredItem, printStoredItem, type StoredItem } from '../stored-item.js';
import { ABSENT_VERSION, commitCountOf, nextVersion } from '../version.js';
import type { CommitItem, ItemChange, OnePhaseCommit, OnePhaseReply } from '../versioned-store.js';

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
  if (item.expectedForeign !== undefined) return adopt(item, index, raw, writer);
  const stood = raw === undefined ? undefined : parseStoredItem(raw);
  if (stood?.kind === 'foreign') return { status: 'foreign', index };
  if (stood?.lock !== undefined) return { status: 'locked', index, found: stood.version };
  const { key, change } = item;
  if (change?.kind !== 'increment') {
    return judgeVersion(item, index, stood?.version ?? ABSENT_VERSION, writer);
  }
  if (stood === undefined) return { status: 'absent', index };
  return increment(key, change, { index, stood, writer });
}

function adopt(
  { key, change, expectedForeign }: CommitItem,
  index: number,
  raw: string | undefined,
  writer: string,
): Write | Refusal | undefined {
  if (raw !== expectedForeign) return refusalOf(raw, index);
  if (change?.kind !== 'write') return undefined;
  return writeOf(key, `1.${writer}`, change.counters, change);
}

/** `version` is the one that stands. */
function judgeVersion(
  { key, change, expected }: CommitItem,
  index: number,
  version: string,
  writer: string,
): Write | Refusal | undefined {
  if (expected !== undefined && expected !== version) {
    return { status: 'conflict', index, found: version };
  }
  if (change?.kind === 'delete') return { key, value: undefined, ttlMs: undefined };
  if (change?.kind !== 'write') return undefined;
  const next = nextVersion(version, writer);
  const write = writeOf(key, next, change.counters, change);
  return expected === undefined ? { ...write, commitCount: commitCountOf(next) } : write;
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
  key: string,
  change: Extract<ItemChange, { kind: 'increment' }>,
  at: { readonly index: number; readonly stood: StoredItem; readonly writer: string },
): Write | Refusal {
  const { index, stood, writer } = at;
  const values = parseCounters(stood.counters);
  for (const [nth, step] of change.increments.entries()) {
    const value = values[step.index];
    if (value === undefined) return { status: 'counters', index };
    const sum = addWithin(value, step);
    if (sum === undefined) return { status: 'bound', index, increment: nth, value };
    values[step.index] = sum;
  }
  const next = nextVersion(stood.version, writer);
  const { payload } = stood;
  const write = writeOf(key, next, values.join(','), { payload, ttlMs: change.ttlMs });
  return { ...write, commitCount: commitCountOf(next) };
}

function refusalOf(raw: string | undefined, index: number): Refusal {
  if (raw === undefined) return { status: 'conflict', index, found: ABSENT_VERSION };
  const stood = parseStoredItem(raw);
  if (stood.kind === 'foreign') return { status: 'foreign', index };
  return { status: stood.lock === undefined ? 'conflict' : 'locked', index, found: stood.version };
}
