import type { FinalReads, HistoryTransaction } from './history.js';

export const NO_WRITER = -1;

/** All that is known about one key. */
export interface KeyHistory {
  readonly key: string;
  /** Element to the position of the transaction that appended or tried to append it. */
  readonly writers: Map<number, number>;
  /** Transaction position to its last append to this key. */
  readonly lastAppends: Map<number, number>;
  /** The longest list that was read: the order in which the appends took effect. */
  version: readonly number[];
}

/** Who wrote what, the version order of every key, and which transactions took effect. */
export class HistoryIndex {
  readonly transactions: readonly HistoryTransaction[];
  readonly finalReads: FinalReads | undefined;
  readonly keys = new Map<string, KeyHistory>();
  readonly #tookEffect: Uint8Array;

  constructor(transactions: readonly HistoryTransaction[], finalReads: FinalReads | undefined) {
    this.transactions = transactions;
    this.finalReads = finalReads;
    this.#tookEffect = new Uint8Array(transactions.length);
    this.#indexAppends();
    for (const [key, list] of finalReads ?? []) this.keyHistory(key).version = list;
    for (const [position, transaction] of transactions.entries()) {
      if (transaction.status === 'ok') this.#include(position);
    }
    this.#includeObservedUnknowns();
  }

  /** True when the transaction committed, or is unknown and one of its appends was seen. */
  tookEffect(position: number): boolean {
    return this.#tookEffect[position] === 1;
  }

  keyHistory(key: string): KeyHistory {
    let found = this.keys.get(key);
    if (found === undefined) {
      found = { key, writers: new Map(), lastAppends: new Map(), version: [] };
      this.keys.set(key, found);
    }
    return found;
  }

  writerOf(keyHistory: KeyHistory, value: number | undefined): number {
    return value === undefined ? NO_WRITER : (keyHistory.writers.get(value) ?? NO_WRITER);
  }

  idOf(position: number): string {
    return this.transactions[position]!.id;
  }

  #indexAppends(): void {
    const ids = new Set<string>();
    for (const [position, transaction] of this.transactions.entries()) {
      assertUsable(transaction, ids);
      for (const operation of transaction.operations) {
        const keyHistory = this.keyHistory(operation.key);
        if (operation.kind === 'read') continue;
        const { key, value } = operation;
        const other = keyHistory.writers.get(value);
        if (other !== undefined) {
          const ids = `${this.idOf(other)} and ${transaction.id}`;
          throw new Error(`Values have to be unique: ${value} of ${key} is appended by ${ids}.`);
        }
        keyHistory.writers.set(value, position);
        keyHistory.lastAppends.set(position, value);
      }
    }
  }

  #include(position: number): void {
    this.#tookEffect[position] = 1;
    for (const operation of this.transactions[position]!.operations) {
      if (operation.kind === 'append') continue;
      const keyHistory = this.keyHistory(operation.key);
      if (operation.list.length > keyHistory.version.length) keyHistory.version = operation.list;
    }
  }

  /** The reads of an observed unknown may show appends of another unknown, hence the repetition. */
  #includeObservedUnknowns(): void {
    let unknowns = [...this.transactions.keys()].filter(
      (position) => this.transactions[position]!.status === 'info',
    );
    for (let found = true; found && unknowns.length > 0;) {
      const observed = this.#observedWriters();
      const rest = unknowns.filter((position) => !observed.has(position));
      for (const position of unknowns) if (observed.has(position)) this.#include(position);
      found = rest.length < unknowns.length;
      unknowns = rest;
    }
  }

  #observedWriters(): Set<number> {
    const observed = new Set<number>();
    for (const keyHistory of this.keys.values()) {
      for (const value of keyHistory.version) observed.add(this.writerOf(keyHistory, value));
    }
    return observed;
  }
}

function assertUsable(transaction: HistoryTransaction, ids: Set<string>): void {
  const { id, status, startedAt, endedAt } = transaction;
  if (ids.has(id)) throw new Error(`Two transactions have the id ${id}.`);
  ids.add(id);
  const inOrder = status === 'ok' ? startedAt <= endedAt : Number.isFinite(startedAt);
  if (!inOrder) throw new Error(`Transaction ${id} ends at ${endedAt}, before ${startedAt}.`);
}
