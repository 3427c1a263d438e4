import type { CommitItem } from '../store/versioned-store.js';

/** An item of a commit together with where it lies. */
export interface PlacedItem extends CommitItem {
  readonly store: string;
  readonly node: string;
}

/** What a commit has to do, decided from the operations alone. */
export type CommitPlan =
  /** What was read existed together, and nothing is written: there is nothing left to do. */
  | { readonly kind: 'nothing' }
  /** Only reads, taken in several steps: read the versions again. */
  | { readonly kind: 'validate' }
  /** Everything lies on one node. */
  | { readonly kind: 'one-phase'; readonly store: string }
  /** Everything lies in one store, on several of its nodes. */
  | { readonly kind: 'two-phase'; readonly store: string }
  /** Others take part than the cache; the record lies in this store, in any one where it is undefined. */
  | { readonly kind: 'participants'; readonly store: string | undefined }
  | { readonly kind: 'cross-store'; readonly stores: readonly string[] };

/** Where the record of a transaction lies whose address is known outside. */
export interface Home {
  readonly store: string;
  readonly node: string;
}

export interface CommitFacts {
  /** What must hold and what changes; reads that nobody validates are not among them. */
  readonly items: readonly PlacedItem[];
  /** All reads bear the same moment; with one node that is one atomic step. */
  readonly readAtOnce: boolean;
  /** Undefined as long as nobody outside knows the address: the record may lie anywhere. */
  readonly home: Home | undefined;
  /** Others take part. */
  readonly hasBranches: boolean;
}

/**
 * | changes | nodes                       | address known outside | reads in one step | plan        |
 * |---------|-----------------------------|-----------------------|-------------------|-------------|
 * | no      | any                         | no                    | yes               | nothing     |
 * | no      | any                         | no                    | no                | validate    |
 * | no      | none but that of the home   | yes                   | any               | one-phase   |
 * | no      | any other                   | yes                   | any               | as if no    |
 * | yes     | one, and home there or free | any                   | any               | one-phase   |
 * | yes     | several of one store        | any                   | any               | two-phase   |
 * | yes     | of several stores           | any                   | any               | cross-store |
 *
 * Where others take part it is `participants`, or cross-store, whatever is read and written.
 *
 * Where an address is known outside, its record is written after whatever the plan says.
 */
export function planCommit(facts: CommitFacts): CommitPlan {
  const { items, home } = facts;
  if (facts.hasBranches) return planBranches(facts);
  const changes = items.some((item) => item.change !== undefined);
  const oneNode = items.every((item) => item.node === items[0]?.node);
  if (!changes && !areAll(items, home)) return planReads(facts, oneNode);
  const [first] = items;
  // The common case, of one node or of a single server, needs no look at all stores.
  if (first !== undefined && oneNode && home === undefined) {
    return { kind: 'one-phase', store: first.store };
  }
  const [store, ...others] = storesOf(items, home);
  if (store === undefined) return { kind: 'nothing' };
  if (others.length > 0) return { kind: 'cross-store', stores: [store, ...others] };
  const nodes = home === undefined ? items : [...items, home];
  const together = nodes.every(({ node }) => node === nodes[0]?.node);
  return { kind: together ? 'one-phase' : 'two-phase', store };
}

/** The items that say where the record lies: the written ones; where nothing is written, the read ones. */
export function homeItems<I extends PlacedItem>(items: readonly I[]): readonly I[] {
  const written = items.filter((item) => item.change !== undefined);
  return written.length > 0 ? written : items;
}

function planBranches({ items, home }: CommitFacts): CommitPlan {
  const stores = storesOf(items, home);
  return stores.length > 1
    ? { kind: 'cross-store', stores }
    : { kind: 'participants', store: stores[0] };
}

function areAll(items: readonly PlacedItem[], home: Home | undefined): boolean {
  return items.every(({ store, node }) => store === home?.store && node === home.node);
}

function planReads({ items, readAtOnce }: CommitFacts, oneNode: boolean): CommitPlan {
  const together = items.length === 0 || (readAtOnce && oneNode);
  return { kind: together ? 'nothing' : 'validate' };
}

function storesOf(items: readonly PlacedItem[], home: Home | undefined): readonly string[] {
  const stores = new Set(items.map((item) => item.store));
  if (home !== undefined) stores.add(home.store);
  return [...stores];
}
