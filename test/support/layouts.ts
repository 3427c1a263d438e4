import type { Clock } from '../../lib/store/clock.js';
import { EmbeddedStore } from '../../lib/store/embedded/embedded-store.js';
import { slotOf } from '../../lib/store/hash-slot.js';
import { isOverAt } from '../../lib/store/single-key/expiring-text.js';
import { SingleKeyStore } from '../../lib/store/single-key/single-key-store.js';
import { StoreGroup } from '../../lib/store/store-group.js';
import type { RecordLifetime, VersionedStore } from '../../lib/store/versioned-store.js';
import { MemoryCache } from './memory-cache.js';
import { asTold } from './single-key-texts.js';

/** What several processes share, in this one. */
export interface Layout {
  /** The store of one more process. */
  connect(): VersionedStore;
  /** The text of an item or a record, as another program would see it; without its expiry. */
  peekRaw(key: string): string | undefined;
}

export type CreateLayout = (clock: Clock, lifetime: RecordLifetime) => Layout;

/** Nodes of one store: each hash slot is one, or so many share the slots. */
export function embeddedNodes(nodes?: number): CreateLayout {
  return (clock, lifetime) => {
    const nodeOf = (key: string): string =>
      `default/${nodes === undefined ? slotOf(key) : slotOf(key) % nodes}`;
    const store = new EmbeddedStore({ name: 'default', clock, lifetime, nodeOf });
    return { connect: () => store, peekRaw: (key) => store.peekRaw(key) };
  };
}

function singleKeys(clock: Clock, lifetime: RecordLifetime, name: string, expires: boolean) {
  const cache = new MemoryCache({ clock, expires });
  return {
    connect: () => new SingleKeyStore({ name, cache, clock, lifetime }),
    peekRaw: (key: string) => {
      const raw = cache.peekRaw(key);
      // What is over may stand a little longer, and is nothing to anybody.
      return raw === undefined || isOverAt(raw, clock.time()) ? undefined : asTold(raw);
    },
  };
}

/** A cache that compares and sets one key at a time, alone. */
export const oneSingleKeyCache: CreateLayout = (clock, lifetime) =>
  singleKeys(clock, lifetime, 'default', true);

/** One server, and beside it such a cache with every second item. */
export const twoStores: CreateLayout = (clock, lifetime) =>
  besideServer(clock, lifetime, singleKeys(clock, lifetime, 'far', false));

/** Two servers, each with every second item, and with the records of what begins there. */
export const twoServers: CreateLayout = (clock, lifetime) => {
  const server = new EmbeddedStore({ name: 'far', clock, lifetime, amongOthers: true });
  return besideServer(clock, lifetime, {
    connect: () => server,
    peekRaw: (key) => server.peekRaw(key),
  });
};

/** One server, and `far` with every second item. */
function besideServer(clock: Clock, lifetime: RecordLifetime, far: Layout): Layout {
  const server = new EmbeddedStore({ name: 'default', clock, lifetime, amongOthers: true });
  const storeOf = (key: string): string =>
    key.startsWith('dtx:') || slotOf(key) % 2 === 0 ? 'default' : 'far';
  const placing = { storeOf, ownKeyOf: (key: string) => key };
  return {
    connect: () =>
      new StoreGroup(
        new Map<string, VersionedStore>([
          ['default', server],
          ['far', far.connect()],
        ]),
        placing,
      ),
    peekRaw: (key) => {
      if (!key.startsWith('dtx:')) return (storeOf(key) === 'far' ? far : server).peekRaw(key);
      return server.peekRaw(key) ?? far.peekRaw(key);
    },
  };
}
