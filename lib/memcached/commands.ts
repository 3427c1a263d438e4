import { StoreRefusedError } from '../errors/index.js';
import type { SeenText } from '../store/single-key/single-key-cache.js';
import type { MemcachedConnection, Reply } from './memcached-connection.js';

/** What a text looked like: its CAS id, which means nothing on another connection. */
export interface CasToken {
  readonly cas: string;
  readonly connection: MemcachedConnection;
}

/** A text on its way to a server. */
export interface Written {
  readonly serverKey: string;
  readonly text: string;
  /** As Memcached takes it. */
  readonly exptime: number;
}

/** Asks for text and CAS id of a key. */
export function readCommand(serverKey: string): string {
  return `mg ${serverKey} v c\r\n`;
}

/**
 * Writes a key, where nothing stands or where the CAS id is this one, and reads it behind that: no reply to a
 * write has the new CAS id. (`ms` would have it, but removes what stands, whatever its CAS id, when memory is
 * short or the text too large.)
 */
export function writeCommands({ serverKey, text, exptime }: Written, cas?: string): string {
  const start = cas === undefined ? 'add' : 'cas';
  const end = cas === undefined ? '' : ` ${cas}`;
  const line = `${start} ${serverKey} 0 ${exptime} ${Buffer.byteLength(text)}${end}`;
  return `${line}\r\n${text}\r\n${readCommand(serverKey)}`;
}

/** Removes a key whose CAS id is this one. */
export function removeCommand(serverKey: string, cas: string): string {
  return `md ${serverKey} C${cas}\r\n`;
}

export function seenIn(
  reply: Reply | undefined,
  connection: MemcachedConnection,
): SeenText | undefined {
  const { words = [], text } = reply ?? {};
  if (words[0] === 'EN') return undefined;
  const cas = words[2];
  if (words[0] !== 'VA' || text === undefined || !cas?.startsWith('c')) throw unexpected(words);
  return { text, token: { cas: cas.slice(1), connection } satisfies CasToken };
}

/**
 * What stands since a write. Where somebody else wrote in between, what was written stands no more: without a
 * token nothing passes for it.
 */
export function seenAfter(
  [written, read]: readonly Reply[],
  text: string,
  connection: MemcachedConnection,
): SeenText | undefined {
  const words = written?.words ?? [];
  if (words[0] === 'STORED') {
    const seen = read?.words[0] === 'VA' ? seenIn(read, connection) : undefined;
    return seen?.text === text ? seen : { text };
  }
  if (words[0] === 'NOT_STORED' || words[0] === 'EXISTS' || words[0] === 'NOT_FOUND')
    return undefined;
  throw unexpected(words);
}

export function wasRemoved([reply]: readonly Reply[]): boolean {
  const words = reply?.words ?? [];
  if (words[0] === 'HD') return true;
  if (words[0] === 'EX' || words[0] === 'NF') return false;
  throw unexpected(words);
}

/** A reply that is none of those that the command has; the server did nothing. */
export class UnexpectedReplyError extends Error {
  override readonly name = 'UnexpectedReplyError';
}

function unexpected(words: readonly string[]): UnexpectedReplyError {
  return new UnexpectedReplyError(words.join(' '));
}

export interface Refusal {
  readonly server: string;
  readonly key: string;
  readonly itemSizeMax: number | undefined;
}

/** Turns an unexpected reply into what the caller gets; everything else stays as it is. */
export function refusalOf(error: unknown, { server, key, itemSizeMax }: Refusal): unknown {
  if (!(error instanceof UnexpectedReplyError)) return error;
  const start = `Memcached at ${server} refused '${key}': ${error.message}.`;
  let remedy = '';
  if (error.message.includes('too large')) {
    const most = itemSizeMax === undefined ? '' : ` of ${itemSizeMax} bytes`;
    remedy = ` Key and text together pass its limit${most}: raise option -I, or store less in one item.`;
  } else if (error.message.includes('out of memory')) {
    remedy = ' Give it more memory with option -m, or remove what is not needed.';
  }
  return new StoreRefusedError(`${start}${remedy} Nothing was written.`, { cause: error });
}
