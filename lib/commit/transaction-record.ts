import { commitCountOf } from '../store/version.js';
import type { CommitItem } from '../store/versioned-store.js';

const PLAIN = /^[\w:.@{}/-]*$/;

/** Whose record it is. */
export interface RecordedCall {
  readonly name: string | undefined;
  readonly callId: string;
  readonly attempt: number;
}

/**
 * The members of a record's JSON: who, and the operations as [kind, item, t]. `t` is the version
 * count that was read or is written, null where only the store knows it.
 */
export function printRecord(
  { name, callId, attempt }: RecordedCall,
  items: readonly CommitItem[],
): string {
  let text = name === undefined ? '"call":"' : `"name":${quote(name)},"call":"`;
  text += `${callId}","attempt":${attempt},"operations":[`;
  let start = '[';
  for (const { key, change, expected } of items) {
    const seen = expected === undefined ? undefined : commitCountOf(expected);
    const t = seen === undefined || change === undefined ? (seen ?? 'null') : seen + 1;
    text += start + KINDS[change?.kind ?? 'read'] + quote(key) + ',' + t + ']';
    start = ',[';
  }
  return text + ']';
}

/** Each as the beginning of an operation. */
const KINDS = { read: '"r",', write: '"w",', delete: '"d",', increment: '"i",' } as const;

function quote(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text);
}
