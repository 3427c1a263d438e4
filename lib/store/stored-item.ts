/**
 * The text of an item, the same on every kind of store:
 * `<version>[*<lock>]|<counters>|<payload>`. Only the part before the second `|` is ever parsed here.
 */

/** What stands under the key of an item. */
export interface StoredItem {
  readonly kind: 'item';
  /** `<t>.<w>`, see version.ts. */
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

/** A version, perhaps with a lock; a locked item that is absent has a version of its own. */
const HEAD = /^(?:[1-9]\d{0,15}\.[\w-]+(?:\*[^|]+)?|0\.\d+\*[^|]+)$/;

export function parseStoredItem(value: string): StoredItem | ForeignValue {
  const headEnd = value.indexOf('|');
  const countersEnd = headEnd < 0 ? -1 : value.indexOf('|', headEnd + 1);
  if (countersEnd < 0) return { kind: 'foreign', value };
  const head = value.slice(0, headEnd);
  if (!HEAD.test(head)) return { kind: 'foreign', value };
  const star = head.indexOf('*');
  return {
    kind: 'item',
    version: star < 0 ? head : head.slice(0, star),
    lock: star < 0 ? undefined : head.slice(star + 1),
    counters: value.slice(headEnd + 1, countersEnd),
    payload: value.slice(countersEnd + 1),
  };
}

export function printStoredItem(version: string, counters: string, payload: string): string {
  return `${version}|${counters}|${payload}`;
}
