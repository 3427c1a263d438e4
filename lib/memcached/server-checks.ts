import { StoreRefusedError } from '../errors/index.js';
import type { Reply } from './memcached-connection.js';

/** What is asked on each new connection, before anything else; of names that both have, the settings count. */
export const questions = 'version\r\nstats\r\nstats settings\r\n';
export const answersToQuestions = 3;

export interface ServerSettings {
  readonly evicts: boolean;
  /** The largest item in bytes, with its key: option `-I`. */
  readonly itemSizeMax: number;
}

/** Commands that compare when they remove came with it. */
const oldest = { major: 1, minor: 6 };

/** @throws StoreRefusedError for a server that no transaction may rely on. */
export function checkServer(
  name: string,
  replies: readonly Reply[],
  allowEviction: boolean,
): ServerSettings {
  const settings = new Map<string, string>();
  let version = '';
  for (const { words } of replies) {
    const [kind, first = '', second = ''] = words;
    if (kind === 'STAT') settings.set(first, second);
    else if (kind === 'VERSION') version = first;
    else if (kind !== 'END') throw refused(name, `answers "${words.join(' ')}"`);
  }
  checkVersion(name, version);
  if (settings.get('cas_enabled') === 'no')
    throw refused(name, 'was started without CAS. Start it without -C');
  const evicts = settings.get('evictions') !== 'off' || settings.has('extstore_limit_maxbytes');
  if (evicts && !allowEviction) {
    throw refused(
      name,
      'evicts: it forgets items when memory is short, and transactions with them. Start it with -M ' +
        `(and without ext_path), or accept the loss with allowEviction: ['${name}']`,
    );
  }
  return { evicts, itemSizeMax: Number(settings.get('item_size_max')) };
}

function checkVersion(name: string, version: string): void {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const isNewer = major > oldest.major || (major === oldest.major && minor >= oldest.minor);
  if (!isNewer) throw refused(name, `is version ${version}; 1.6 or newer is needed`);
}

function refused(name: string, what: string): StoreRefusedError {
  return new StoreRefusedError(`Memcached at ${name} ${what}.`);
}
