import { TransactionAddressError } from '../errors/index.js';

/**
 * Names a transaction for ever: `<id>@<home>@<deadline>`. Its record lies under exactly one key, on
 * the node that the tag `home` falls to.
 */
export interface TransactionAddress {
  /** Unique for ever: the tag of the process and a counter. */
  readonly id: string;
  /**
   * Where the record lies, never user text: the short tag of its slot, see hash-slot.ts; behind a dot the
   * identity of its cache, where that may be another one than that of the items. Without one it is the cache
   * that the address was found in.
   */
  readonly home: string;
  /** Milliseconds since 1970 by the clock of the home node. */
  readonly deadlineAtMs: number;
}

/** Keys below this prefix belong to this library; entities cannot lie there. */
export const RESERVED_PREFIX = 'dtx:';

export function printAddress(address: TransactionAddress): string {
  return `${address.id}@${address.home}@${address.deadlineAtMs}`;
}

/** The address as it is told beside the identity of the cache. */
export function printWithin({ id, home, deadlineAtMs }: TransactionAddress): string {
  return printAddress({ id, home: tagOfHome(home), deadlineAtMs });
}

const ADDRESS = /^([\w-]{1,64})@([0-9a-z]{1,8}(?:\.[0-9A-Za-z]{8,16})?)@(\d{1,16})$/;

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

export function recordKeyOf({ id, home }: Pick<TransactionAddress, 'id' | 'home'>): string {
  return `${RESERVED_PREFIX}{${tagOfHome(home)}}:tx:${id}`;
}

/** The tag of the slot that a record lies in. */
export function tagOfHome(home: string): string {
  const dot = home.indexOf('.');
  return dot < 0 ? home : home.slice(0, dot);
}

/** The identity of the cache that a record lies in; undefined where it is that of the items. */
export function cacheOfHome(home: string): string | undefined {
  const dot = home.indexOf('.');
  return dot < 0 ? undefined : home.slice(dot + 1);
}

export function homeIn(cache: string, tag: string): string {
  return `${tag}.${cache}`;
}
