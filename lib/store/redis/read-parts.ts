import { groupBy } from '../group-by.js';
import type { ReadReply } from '../versioned-store.js';

export interface ReadPart {
  readonly keys: readonly string[];
  readonly answer: (reply: ReadReply) => void;
}

/** A read of several nodes, answered when all of them have answered; undefined for one of one node. */
export function partsOf(
  keys: readonly string[],
  nodeOf: (key: string) => number,
  resolve: (reply: ReadReply) => void,
): readonly ReadPart[] | undefined {
  if (keys.length <= 1) return undefined;
  const places = groupBy(keys.keys(), (index) => nodeOf(keys[index]!));
  if (places.size <= 1) return undefined;
  const items = new Array<ReadReply['items'][number]>(keys.length);
  let locked = false;
  let missing = places.size;
  return [...places.values()].map((indexes) => ({
    keys: indexes.map((index) => keys[index]!),
    answer: (reply) => {
      for (const [nth, index] of indexes.entries()) items[index] = reply.items[nth];
      locked ||= reply.locked;
      if (--missing === 0) resolve({ items, moment: undefined, locked });
    },
  }));
}
