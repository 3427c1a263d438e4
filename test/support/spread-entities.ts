import { TxEntity } from '../../lib/repository/entity-definition.js';
import { slotOf } from '../../lib/store/hash-slot.js';

/** Lies on the node that the first letter of its id names. */
@TxEntity({ name: 'purse', counters: ['points'], hashTag: (id: string) => id[0]! })
export class Purse {
  id!: string;
  balance!: number;
  points!: number;
}

export function purseKey(id: string): string {
  return `purse:{${id[0]}}:${id}`;
}

/** In the order of their slots: the record lies with the first one that is written. */
export const NODE_LETTERS = Array.from('abcdef').toSorted(
  (one, other) => slotOf(one) - slotOf(other),
);
