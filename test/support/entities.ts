import { TxEntity } from '../../lib/repository/entity-definition.js';

/** Two columns of money: one written as a whole, one that increments change. */
@TxEntity({ name: 'account', counters: ['points'] })
export class Account {
  id!: string;
  balance!: number;
  points!: number;
}

@TxEntity({ name: 'list' })
export class List {
  id!: string;
  values!: number[];
}

@TxEntity({ name: 'tally', counters: ['count'] })
export class Tally {
  id!: string;
  count!: number;
}

export function accountKey(id: string): string {
  return `account:${id}`;
}

/** How many commits an item has seen: the text before the dot of what stands under its key. */
export function commitCountIn(text: unknown): number {
  return typeof text === 'string' ? Number.parseInt(text, 10) : 0;
}
