import { SingleKeyStore } from '../../lib/store/single-key/single-key-store.js';
import { describeVersionedStore, ManualClock, type StoreFactory } from '../../lib/testing/index.js';
import { MemoryCache } from '../support/memory-cache.js';
import { asPutThere, asTold } from '../support/single-key-texts.js';

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
        return raw === undefined ? undefined : asTold(raw);
      },
      close: () => store.close(),
    };
  };
  describeVersionedStore(`SingleKeyStore over ${kind}`, create, undefined, {
    decidesBesideItems: false,
  });
}
