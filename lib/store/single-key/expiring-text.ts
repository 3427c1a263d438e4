import { parseStoredItem, type ForeignValue, type StoredItem } from '../stored-item.js';

/**
 * What stands under a key: `<expiresAtMs>:<text>`, or `:<text>` where it never expires. The expiry is part of
 * what is compared and set, since locks suspend it and not every server keeps one.
 */
export interface ExpiringText {
  readonly text: string;
  /** By the wall clock, in milliseconds since 1970; Infinity for what never expires. */
  readonly expiresAtMs: number;
}

const PREFIX = /^([1-9]\d{0,15})?:/;

export function printExpiring({ text, expiresAtMs }: ExpiringText): string {
  return Number.isFinite(expiresAtMs) ? `${Math.ceil(expiresAtMs)}:${text}` : `:${text}`;
}

/** Undefined where nothing stands, and for a text that has no such prefix. */
export function parseExpiring(raw: string | undefined): ExpiringText | undefined {
  const match = raw === undefined ? null : PREFIX.exec(raw);
  if (match === null) return undefined;
  const [{ length }, expiresAt] = match;
  const expiresAtMs = expiresAt === undefined ? Number.POSITIVE_INFINITY : Number(expiresAt);
  return { text: match.input.slice(length), expiresAtMs };
}

/** What stands for an item: a foreign value is told as the whole text, and never expires. */
export function parseExpiringItem(
  raw: string,
  nowMs: number,
): StoredItem | ForeignValue | undefined {
  const expiring = parseExpiring(raw);
  if (expiring === undefined) return { kind: 'foreign', value: raw };
  const item = parseStoredItem(expiring.text);
  if (item.kind === 'foreign') return { kind: 'foreign', value: raw };
  return expiring.expiresAtMs > nowMs ? item : undefined;
}

const RECORD = /^(?:committed|rolled_back|pending(?:@[^|]+)?)\|\{/;

/** Whether what stands is an item or a record, and expired: what others wrote must never be swept away. */
export function isOverAt(raw: string, nowMs: number): boolean {
  const stood = parseExpiring(raw);
  if (stood === undefined || stood.expiresAtMs > nowMs) return false;
  return RECORD.test(stood.text) || parseStoredItem(stood.text).kind === 'item';
}
