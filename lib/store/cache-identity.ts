import { randomInt } from 'node:crypto';
import { tagOfSlot } from './hash-slot.js';
import { cacheOfHome, RESERVED_PREFIX, type TransactionAddress } from './transaction-address.js';
import type { VersionedStore } from './versioned-store.js';

const LETTERS = '0123456789abcdefghijklmnopqrstuvwxyz';
const LENGTH = 12;
const IDENTITY = /^[0-9A-Za-z]{8,16}$/;

/** Where a cache keeps its name; on a cluster it lies in one slot, the same for everybody. */
export function identityKey(): string {
  return `${RESERVED_PREFIX}{${tagOfSlot(0)}}:cache`;
}

/** The identity of the cache that the record of a transaction lies in. */
export async function cacheOf(
  store: Pick<VersionedStore, 'identity'>,
  { home }: TransactionAddress,
  until: number,
): Promise<string> {
  return cacheOfHome(home) ?? store.identity(until);
}

/** Whether a record lies in a store that stands alone: `VersionedStore.isHome`. */
export async function isOwnHome(
  store: Pick<VersionedStore, 'identity'>,
  { home }: TransactionAddress,
  until: number,
): Promise<boolean> {
  const cache = cacheOfHome(home);
  return cache === undefined || cache === (await store.identity(until));
}

/** A name for a cache: 62 random bits, in lower case since some databases do not tell cases apart. */
export function drawIdentity(): string {
  return Array.from({ length: LENGTH }, () => LETTERS[randomInt(LETTERS.length)]).join('');
}

export function isIdentity(text: unknown): text is string {
  return typeof text === 'string' && IDENTITY.test(text);
}
