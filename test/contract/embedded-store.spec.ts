import { systemClock, type Clock } from '../../lib/store/clock.js';
import { EmbeddedStore } from '../../lib/store/embedded/embedded-store.js';
import { slotOf } from '../../lib/store/hash-slot.js';
import type { RecordLifetime } from '../../lib/store/versioned-store.js';
import { describeVersionedStore, ManualClock, type StoreFixture } from '../../lib/testing/index.js';

const TURNS = { keepsTurns: true };

function fixture(
  clock: Clock,
  lifetime: RecordLifetime,
  nodeOf?: (key: string) => string,
): StoreFixture {
  const store = new EmbeddedStore({
    name: 'default',
    clock,
    lifetime,
    ...(nodeOf === undefined ? {} : { nodeOf }),
  });
  return {
    store,
    clock,
    setForeign: (key, value) => store.setForeign(key, value),
    getRaw: (key) => store.peekRaw(key),
    close: () => store.close(),
  };
}

describeVersionedStore(
  'EmbeddedStore by a manual clock',
  (lifetime) => fixture(new ManualClock(), lifetime),
  undefined,
  TURNS,
);

describeVersionedStore(
  'EmbeddedStore of several nodes',
  (lifetime) => fixture(new ManualClock(), lifetime, (key) => String(slotOf(key))),
  undefined,
  TURNS,
);

describeVersionedStore(
  'EmbeddedStore by the clock of the system',
  (lifetime) => fixture(systemClock, lifetime),
  undefined,
  TURNS,
);
