import type { CommitItem } from '../store/versioned-store.js';

/** An item of a commit together with where it lies. */
export interface PlacedItem extends CommitItem {
  readonly node: string;
}

/** What a commit has to do, decided from the operations alone. */
export type CommitPlan =
  /** What was read existed together, and nothing is written: there is nothing left to do. */
  | 'nothing'
  /** Only reads, taken in several steps: read the versions again. */
  | 'validate'
  /** Everything lies on the node of the record. */
  | 'one-phase'
  /** Something lies elsewhere. */
  | 'two-phase'
  /** Others take part than the cache. */
  | 'participants';

export interface CommitFacts {
  /** What must hold and what changes; reads that nobody validates are not among them. */
  readonly items: readonly PlacedItem[];
  /** All reads bear the same moment; with one node that is one atomic step. */
  readonly readAtOnce: boolean;
  /** The node of the record; undefined where nothing is written and nobody outside knows the address. */
  readonly recordNode: string | undefined;
  /** Others take part. */
  readonly hasBranches: boolean;
}

/**
 * | changes | nodes                   | address known outside | reads in one step | plan      |
 * |---------|-------------------------|-----------------------|-------------------|-----------|
 * | no      | any                     | no                    | yes               | nothing   |
 * | no      | any                     | no                    | no                | validate  |
 * | no      | none but the record's   | yes                   | any               | one-phase |
 * | no      | any other               | yes                   | any               | as if no  |
 * | yes     | none but the record's   | any                   | any               | one-phase |
 * | yes     | any other               | any                   | any               | two-phase |
 *
 * Where others take part it is `participants`, whatever is read and written. Where an address is known
 * outside, its record is written after whatever the plan says.
 */
export function planCommit({
  items,
  readAtOnce,
  recordNode,
  hasBranches,
}: CommitFacts): CommitPlan {
  if (hasBranches) return 'participants';
  if (recordNode !== undefined && items.every(({ node }) => node === recordNode)) {
    return 'one-phase';
  }
  if (hasChanges(items)) return 'two-phase';
  const [first] = items;
  const oneNode = items.every((item) => item.node === first?.node);
  return first === undefined || (readAtOnce && oneNode) ? 'nothing' : 'validate';
}

/** Those of the keys whose items a commit leaves as they are. */
export function unchangedIn(
  items: readonly CommitItem[],
  keys: readonly string[],
): readonly string[] {
  const changed = new Set(items.flatMap(({ key, change }) => (change ? [key] : [])));
  return keys.filter((key) => !changed.has(key));
}

export function hasChanges(items: readonly PlacedItem[]): boolean {
  return items.some((item) => item.change !== undefined);
}

/** The items that say where the record lies: the written ones; where nothing is written, the read ones. */
export function homeItems<I extends PlacedItem>(items: readonly I[]): readonly I[] {
  const written = items.filter((item) => item.change !== undefined);
  return written.length > 0 ? written : items;
}
