import { parseExpiring, printExpiring } from '../../lib/store/single-key/expiring-text.js';
import { SingleKeyStore } from '../../lib/store/single-key/single-key-store.js';
import { parseStoredItem } from '../../lib/store/stored-item.js';
import { describeVersionedStore, ManualClock, type StoreFactory } from '../../lib/testing/index.js';
import { MemoryCache } from '../support/memory-cache.js';

const CACHES = [
  ['a cache that expires', {}],
  ['a cache that does not expire', { expires: false }],
  ['a cache that loses every third reply', { losesEvery: 3 }],
] as const;

for (const [kind, options] of CACHES) {
  const create: StoreFactory = (lifetime) => {
    const clock = new ManualClock();
    const cache = new MemoryCache({ clock, ...options });
    const store = new SingleKeyStore({ name: 'default', cache, clock, lifetime });
    return {
      store,
      clock,
      setForeign: (key, value) => cache.setRaw(key, asPutThere(value)),
      getRaw: (key) => {
        const raw = cache.peekRaw(key);
        return raw === undefined ? undefined : (parseExpiring(raw)?.text ?? raw);
      },
      close: () => store.close(),
    };
  };
  describeVersionedStore(`SingleKeyStore over ${kind}`, create, { decidesBesideItems: false });
}

/** An item of this library as it is stored; anything else as it is. */
function asPutThere(value: string): string {
  const isItem = parseStoredItem(value).kind === 'item';
  return isItem ? printExpiring({ text: value, expiresAtMs: Number.POSITIVE_INFINITY }) : value;
}
