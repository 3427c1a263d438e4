/** Names an item of an entity, and where it lies. */
export interface ItemReference {
  /** What one atomic step of that store can cover. */
  readonly node: string;
  /** Its key, placed among the stores of the application: see placed-key.ts. */
  readonly key: string;
  readonly entity: string;
  readonly id: string;
  /** The names of its counters, in the order in which they are stored. */
  readonly counters: readonly string[];
}

export type OperationKind = 'read' | 'write' | 'delete' | 'increment';

/**
 * One operation of a transaction: the tuple (node, item, value, version) of the model. Frozen.
 */
export interface Operation {
  readonly kind: OperationKind;
  readonly node: string;
  /** The key of the item in the store. */
  readonly item: string;
  /** The stored payload that was read or will be written; for an increment what is added. */
  readonly value: string | undefined;
  /**
   * For a read the version that was seen, `0` for an absent item; for a change the version it makes,
   * undefined where that is known only at commit (a blind write, an increment).
   */
  readonly version: string | undefined;
}
