import type { CommitItem, HeldItem, ItemRefusal } from '../store/versioned-store.js';
import type { PlacedItem } from './commit-plan.js';

/** Items of one node, each with its place in the whole commit. */
export class CommitPart {
  readonly items: PlacedItem[] = [];
  readonly #indexes: number[] = [];
  #heads: readonly string[] | undefined;

  constructor(readonly node: string) {}

  get keys(): readonly string[] {
    return this.items.map((item) => item.key);
  }

  add(item: PlacedItem, index: number): void {
    this.items.push(item);
    this.#indexes.push(index);
  }

  /** The place in the whole commit. */
  indexOf(nth: number): number {
    return this.#indexes[nth] ?? 0;
  }

  /** A refusal of this part in the numbers of the whole commit. */
  placed<R extends ItemRefusal>(refusal: R): R {
    return { ...refusal, index: this.indexOf(refusal.index) };
  }

  /** The items are held now, under these heads. */
  hold(heads: readonly string[]): void {
    this.#heads = heads;
  }

  /** Whether every item was held before the commit began. */
  get isHeldBefore(): boolean {
    return this.items.every(({ held }) => held !== undefined);
  }

  /** The items as the step that decides has to find them. */
  get heldItems(): readonly CommitItem[] {
    return this.items.map((item, nth) => {
      const held = this.#headOf(nth);
      return held === undefined ? item : { ...item, held };
    });
  }

  /** What has to become of the items once the transaction is committed. */
  get redo(): readonly HeldItem[] {
    return this.items.flatMap(({ key, change }, nth) => {
      const held = this.#headOf(nth);
      return held === undefined || change === undefined ? [] : [{ key, held, change }];
    });
  }

  /** How many commits the items count that are written without an expected version. */
  *commitCounts(): Iterable<readonly [index: number, count: number]> {
    for (const [nth, { expected, change }] of this.items.entries()) {
      const held = this.#headOf(nth);
      if (held === undefined || expected !== undefined || change?.kind === 'delete') continue;
      yield [this.indexOf(nth), Number.parseInt(held, 10) + 1];
    }
  }

  #headOf(nth: number): string | undefined {
    return this.#heads?.[nth] ?? this.items[nth]?.held;
  }
}

/** The items of a commit over several nodes, by what has to be done with them. */
export interface CommitParts {
  /** On the node of the record, written: held only where something elsewhere is only read. */
  readonly homeWritten: CommitPart;
  /** On the node of the record, only read: checked in the step that decides. */
  readonly homeRead: CommitPart;
  /** On other nodes, always held: what is written, and with `holdsReads` what is only read. */
  readonly heldElsewhere: readonly CommitPart[];
  /** On other nodes, only read: validated when everything is held. */
  readonly readElsewhere: CommitPart;
}

/**
 * @param home The node of the record; undefined where the record does not decide, and no node is special.
 * @param holdsReads Instead of being validated, what is only read elsewhere is held, too.
 */
export function partsOf(
  items: readonly PlacedItem[],
  home: string | undefined,
  holdsReads = false,
): CommitParts {
  const homeWritten = new CommitPart(home ?? '');
  const homeRead = new CommitPart(home ?? '');
  const readElsewhere = new CommitPart('');
  const byNode = new Map<string, CommitPart>();
  for (const [index, item] of items.entries()) {
    const written = item.change !== undefined;
    if (item.node === home) (written ? homeWritten : homeRead).add(item, index);
    else if (!written && !holdsReads) readElsewhere.add(item, index);
    else {
      const part = byNode.get(item.node) ?? new CommitPart(item.node);
      byNode.set(item.node, part);
      part.add(item, index);
    }
  }
  return { homeWritten, homeRead, readElsewhere, heldElsewhere: [...byNode.values()] };
}
