import { InvariantViolationError } from '../errors/index.js';
import type { HeldItem, ItemChange } from './versioned-store.js';

/** One item of a redo: its key, the head under which it is held, what becomes of it, its time to live. */
type RedoEntry =
  | readonly [
      key: string,
      held: string,
      kind: 'w',
      counters: string,
      payload: string,
      ttlMs?: number,
    ]
  | readonly [key: string, held: string, kind: 'd']
  | readonly [key: string, held: string, kind: 'i', increments: readonly Step[], ttlMs?: number];

type Step = readonly [index: number, by: number, min: number | null, max: number | null];

/** The members of a record's JSON that tell anybody how to finish a committed transaction. */
export function printRedo(items: readonly HeldItem[]): string {
  return `"redo":${JSON.stringify(items.map(toEntry))}`;
}

/**
 * @param record The JSON of a record.
 * @throws InvariantViolationError for a record that no release of this library wrote.
 */
export function parseRedo(record: string): readonly HeldItem[] {
  try {
    const { redo = [] } = JSON.parse(record) as { redo?: readonly RedoEntry[] };
    return redo.map(fromEntry);
  } catch (cause) {
    if (cause instanceof InvariantViolationError) throw cause;
    throw new InvariantViolationError('A record cannot be read.', { cause });
  }
}

function toEntry({ key, held, change }: HeldItem): RedoEntry {
  switch (change.kind) {
    case 'write':
      return [key, held, 'w', change.counters, change.payload, ...optional(change.ttlMs)];
    case 'delete':
      return [key, held, 'd'];
    case 'increment': {
      const steps = change.increments.map(({ index, by, min, max }): Step => [
        index,
        by,
        min ?? null,
        max ?? null,
      ]);
      return [key, held, 'i', steps, ...optional(change.ttlMs)];
    }
  }
}

function optional(ttlMs: number | undefined): [] | [number] {
  return ttlMs === undefined ? [] : [ttlMs];
}

function fromEntry(entry: RedoEntry): HeldItem {
  const [key, held] = entry;
  return { key, held, change: changeOf(entry) };
}

function changeOf(entry: RedoEntry): ItemChange {
  switch (entry[2]) {
    case 'w':
      return { kind: 'write', counters: entry[3], payload: entry[4], ttlMs: entry[5] };
    case 'd':
      return { kind: 'delete' };
    case 'i': {
      const increments = entry[3].map(([index, by, min, max]) => ({
        index,
        by,
        min: min ?? undefined,
        max: max ?? undefined,
      }));
      return { kind: 'increment', increments, ttlMs: entry[4] };
    }
    default:
      throw new InvariantViolationError(`A record holds a redo of kind ${String(entry[2])}.`);
  }
}
