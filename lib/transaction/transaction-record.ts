import { commitCountOf } from '../store/version.js';
import type { LoggedItem } from './operation-log.js';

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
  items: readonly LoggedItem[],
): string {
  let operations = '';
  for (const { key, change, expected } of items) {
    const seen = expected === undefined ? undefined : commitCountOf(expected);
    const kind = change === undefined ? 'r' : change.kind[0];
    const t = seen === undefined || change === undefined ? (seen ?? null) : seen + 1;
    operations += `${operations === '' ? '' : ','}["${kind}",${quote(key)},${t}]`;
  }
  const named = name === undefined ? '' : `"name":${quote(name)},`;
  return `${named}"call":"${callId}","attempt":${attempt},"operations":[${operations}]`;
}

function quote(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text);
}
