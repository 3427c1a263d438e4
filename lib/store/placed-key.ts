/**
 * The key of an item among several stores: that of the default store as it is, any other one behind
 * `@<store>/`. Keys of entities begin with a letter, or the prefix of the module, which is no `@`.
 */

export const DEFAULT_STORE = 'default';

const MARK = '@';

/** @param store Letters, digits, `_` and `-`. */
export function placeKey(store: string, key: string): string {
  return store === DEFAULT_STORE ? key : `${MARK}${store}/${key}`;
}

/** Whether the key is that of an item in another store than the default one. */
export function isPlaced(key: string): boolean {
  return key.startsWith(MARK);
}

/** The name of the store of an item. */
export function storeOf(key: string): string {
  return isPlaced(key) ? key.slice(MARK.length, key.indexOf('/')) : DEFAULT_STORE;
}

/** The key of an item within its store. */
export function ownKeyOf(key: string): string {
  return isPlaced(key) ? key.slice(key.indexOf('/') + 1) : key;
}

/** Which store an item lies in, and under which key. */
export interface Placing {
  readonly storeOf: (key: string) => string;
  readonly ownKeyOf: (key: string) => string;
}

export const BY_NAME: Placing = { storeOf, ownKeyOf };
