import { createHash } from 'node:crypto';

const mostBytes = 250;
const hashedPrefix = 'dtx:sha256:';

/** What ends a key, or the line that it stands on. */
// oxlint-disable-next-line no-control-regex
const unfit = /[\u0000-\u0020\u007f]/;

/**
 * The key that Memcached has: the given one, or, where that has spaces or control characters or more than 250
 * bytes, `dtx:sha256:` and its SHA-256 in base64url.
 */
export function serverKeyOf(key: string): string {
  if (fits(key)) return key;
  return hashedPrefix + createHash('sha256').update(key).digest('base64url');
}

/** A key that looks like a hash is hashed too: it never is the key of another one. */
function fits(key: string): boolean {
  if (key === '' || key.startsWith(hashedPrefix) || unfit.test(key)) return false;
  return key.length <= mostBytes && Buffer.byteLength(key) <= mostBytes;
}
