import type { StoredItem } from './stored-item.js';
import { parseAddress, printAddress, type TransactionAddress } from './transaction-address.js';
import { ABSENT_VERSION } from './version.js';

/**
 * A lock on an item: `<address>[!][~<expiresAtMs>]`. `!` marks a holder that must still validate items
 * elsewhere; what follows `~` is when the item would have expired, which is suspended meanwhile.
 */
export interface Lock {
  readonly address: TransactionAddress;
  readonly marked: boolean;
  /** By the clock of the item's node, in milliseconds since 1970. */
  readonly expiresAtMs: number | undefined;
}

const LOCK = /^([^!~|]+)(!?)(?:~(\d{1,16}))?$/;

/** Undefined for a text that no step of this library writes. */
export function parseLock(text: string): Lock | undefined {
  const [, address, mark, expiresAt] = LOCK.exec(text) ?? [];
  if (address === undefined) return undefined;
  try {
    return {
      address: parseAddress(address),
      marked: mark === '!',
      expiresAtMs: expiresAt === undefined ? undefined : Number(expiresAt),
    };
  } catch {
    return undefined;
  }
}

export function printLock({ address, marked, expiresAtMs }: Lock): string {
  const expiry = expiresAtMs === undefined ? '' : `~${expiresAtMs}`;
  return `${printAddress(address)}${marked ? '!' : ''}${expiry}`;
}

/**
 * What stands for an absent item that is locked, and of which nothing else is remembered: its version
 * is `0.<when it was locked>`. The id of a transaction never consists of digits alone.
 */
export function isPlaceholder({ version, lock }: Pick<StoredItem, 'version' | 'lock'>): boolean {
  return lock !== undefined && /^0\.\d+$/.test(version);
}

/** The version that whoever looks past the lock sees. */
export function seenVersionOf(stood: StoredItem | undefined): string {
  return stood === undefined || isPlaceholder(stood) ? ABSENT_VERSION : stood.version;
}
