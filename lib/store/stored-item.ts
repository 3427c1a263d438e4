import { absenceBy } from './version.js';

/**
 * The text of an item, the same on every kind of store:
 * `<version>[*<lock>]|<counters>|<payload>`. Only the part before the second `|` is ever parsed here.
 */

/** What stands under the key of an item; or a tombstone, of one that was deleted a while ago. */
export interface StoredItem {
  readonly kind: 'item';
  /** `<t>.<w>`, or `0.<w>` for a tombstone: see version.ts. */
  readonly version: string;
  /** The holder of a lock of a two-phase commit, where one stands. */
  readonly lock: string | undefined;
  /** The counters in the order the entity declares them; decimal safe integers joined by commas. */
  readonly counters: string;
  /** What the codec made of the entity. */
  readonly payload: string;
}

/** A value that this library did not write. */
export interface ForeignValue {
  readonly kind: 'foreign';
  readonly value: string;
}

/** A version, perhaps with a lock. */
const HEAD = /^(?:0|[1-9]\d{0,15})\.[\w-]+(?:\*[^|]+)?$/;

export function parseStoredItem(value: string): StoredItem | ForeignValue {
  const headEnd = value.indexOf('|');
  const countersEnd = headEnd < 0 ? -1 : value.indexOf('|', headEnd + 1);
  if (countersEnd < 0) return { kind: 'foreign', value };
  const head = value.slice(0, headEnd);
  if (!HEAD.test(head)) return { kind: 'foreign', value };
  // Of what is absent there is nothing but a head.
  if (value.startsWith('0') && value.length > headEnd + 2) return { kind: 'foreign', value };
  const star = head.indexOf('*');
  return new ParsedItem(
    star < 0 ? head : head.slice(0, star),
    star < 0 ? undefined : head.slice(star + 1),
    value.slice(headEnd + 1, countersEnd),
    value.slice(countersEnd + 1),
  );
}

// A class, not a literal: see ADR 6.
class ParsedItem implements StoredItem {
  readonly kind = 'item';

  constructor(
    readonly version: string,
    readonly lock: string | undefined,
    readonly counters: string,
    readonly payload: string,
  ) {}
}

/** What stands for an item that transaction `writer` has deleted. */
export function printTombstone(writer: string): string {
  return printStoredItem(absenceBy(writer), '', '');
}

export function printStoredItem(version: string, counters: string, payload: string): string {
  return `${version}|${counters}|${payload}`;
}
