import { seenVersionOf } from '../store/lock.js';
import type { ReadReply } from '../store/versioned-store.js';

/** The version that a read found; `foreign`, which is nobody's version, for a value of another program. */
export function versionFound(stood: ReadReply['items'][number]): string {
  return stood?.kind === 'foreign' ? stood.kind : seenVersionOf(stood);
}
