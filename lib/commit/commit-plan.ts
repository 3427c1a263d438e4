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
  | { readonly kind: 'cross-node'; readonly nodes: readonly string[] };

export interface CommitFacts {
  /** What must hold and what changes; reads that nobody validates are not among them. */
  readonly items: readonly PlacedItem[];
  /** All reads bear the same moment; with one node that is one atomic step. */
  readonly readAtOnce: boolean;
  /** The store that the transaction's record belongs to, where its address is known outside. */
  readonly announcedIn: string | undefined;
}

/**
 * | changes | nodes  | address known outside | reads in one step | plan       |
 * |---------|--------|-----------------------|-------------------|------------|
 * | no      | any    | no                    | yes               | nothing    |
 * | no      | any    | no                    | no                | validate   |
 * | no      | one    | yes                   | any               | one-phase  |
 * | no      | several| yes                   | any               | validate   |
 * | yes     | one    | any                   | any               | one-phase  |
 * | yes     | several| any                   | any               | cross-node |
 */
export function planCommit({ items, readAtOnce, announcedIn }: CommitFacts): CommitPlan {
  const changes = items.some((item) => item.change !== undefined);
  const first = items[0];
  const oneNode = items.every((item) => item.node === first?.node);
  if (!changes) {
    if (announcedIn !== undefined && oneNode) {
      return { kind: 'one-phase', store: first?.store ?? announcedIn };
    }
    const together = items.length === 0 || (readAtOnce && oneNode);
    return { kind: together ? 'nothing' : 'validate' };
  }
  if (oneNode && first !== undefined) return { kind: 'one-phase', store: first.store };
  return { kind: 'cross-node', nodes: [...new Set(items.map((item) => item.node))] };
}
