import { systemClock } from '../../lib/store/clock.js';
import { EmbeddedStore } from '../../lib/store/embedded/embedded-store.js';
import { describeVersionedStore, ManualClock } from '../../lib/testing/index.js';

describeVersionedStore('EmbeddedStore by a manual clock', (lifetime) => {
  const clock = new ManualClock();
  const store = new EmbeddedStore({ name: 'default', clock, lifetime });
  return {
    store,
    clock,
    setForeign: (key, value) => store.setForeign(key, value),
    getRaw: (key) => store.peekRaw(key),
    close: () => store.close(),
  };
});

describeVersionedStore('EmbeddedStore by the clock of the system', (lifetime) => {
  const store = new EmbeddedStore({ name: 'default', clock: systemClock, lifetime });
  return {
    store,
    setForeign: (key, value) => store.setForeign(key, value),
    getRaw: (key) => store.peekRaw(key),
    close: () => store.close(),
  };
});
