import { TransactionAddressError } from '../errors/index.js';

/**
 * Names a transaction for ever: `<id>@<home>@<deadline>`. Its record lies under exactly one key, on
 * the node that the tag `home` falls to.
 */
export interface TransactionAddress {
  /** Unique for ever: the tag of the process and a counter. */
  readonly id: string;
  /** The short tag of the slot that holds the record, see hash-slot.ts; never user text. */
  readonly home: string;
  /** Milliseconds since 1970 by the clock of the home node. */
  readonly deadlineAtMs: number;
}

/** Keys below this prefix belong to this library; entities cannot lie there. */
export const RESERVED_PREFIX = 'dtx:';

export function printAddress(address: TransactionAddress): string {
  return `${address.id}@${address.home}@${address.deadlineAtMs}`;
}

const ADDRESS = /^([\w-]{1,64})@([0-9a-z]{1,8})@(\d{1,16})$/;

/** @throws TransactionAddressError when the text is not an address. */
export function parseAddress(text: string): TransactionAddress {
  const match = typeof text === 'string' ? ADDRESS.exec(text) : null;
  const [, id, home, deadline] = match ?? [];
  if (id === undefined || home === undefined || deadline === undefined) {
    throw new TransactionAddressError(
      `${JSON.stringify(String(text).slice(0, 120))} is not the address of a transaction. An address is what ` +
        'transaction.address or TransactionOutcomeUnknownError.address gave.',
    );
  }
  return { id, home, deadlineAtMs: Number(deadline) };
}

export function recordKeyOf(address: Pick<TransactionAddress, 'id' | 'home'>): string {
  return `${RESERVED_PREFIX}{${address.home}}:tx:${address.id}`;
}
