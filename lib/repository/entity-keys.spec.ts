import { ParticipantRegistry } from '../participants/participant-registry.js';
import { CommitEvents } from '../commit/commit-events.js';
import { Coordinator } from '../commit/coordinator.js';
import { EntityDefinitionError, EntityIdError, LimitExceededError } from '../errors/index.js';
import { systemClock } from '../store/clock.js';
import { EmbeddedStore } from '../store/embedded/embedded-store.js';
import { slotOf } from '../store/hash-slot.js';
import { DEFAULT_LIMITS } from '../transaction/limits.js';
import { withSeed } from '../../test/support/seeded-random.js';
import { definitionOf, TxEntity, type TxEntityOptions } from './entity-definition.js';
import { EntityKeys } from './entity-keys.js';

const lifetime = { longestTimeoutMs: 1, marginMs: 1, retentionMs: 1 };
const store = new EmbeddedStore({ name: 'default', clock: systemClock, lifetime });
const coordinator = new Coordinator(store, systemClock, {
  instance: 'me',
  heartbeat: { heartbeatMs: 1000, lapseMs: 3000 },
  events: new CommitEvents({ error: () => undefined }),
  participants: new ParticipantRegistry(),
});

function keysOf(options: Partial<TxEntityOptions> = {}, keyPrefix = ''): EntityKeys {
  class Thing {}
  TxEntity({ name: 'thing', ...options })(Thing);
  return new EntityKeys(definitionOf(Thing), keyPrefix, coordinator, DEFAULT_LIMITS);
}

describe('the key of an entity', () => {
  it.each([
    ['the prefix, the name and the id', {}, 'app:', 'app:thing:a'],
    ['the id as it is', {}, '', 'thing:a:{b}\0😀'],
    ['the tag in braces before the id', { hashTag: 'bank' }, '', 'thing:{bank}:a'],
    ['a tag made of the id', { hashTag: (id: string) => id[0]! }, '', 'thing:{a}:a-1'],
  ])('is %s', (_, options, prefix, key) => {
    const id = key.slice(key.lastIndexOf(key.includes('thing:a:') ? 'a:' : 'a'));

    expect(keysOf(options, prefix).reference(id).key).toBe(key);
  });

  it('is never shared by two ids, two names or two tags', async () => {
    await withSeed('keys of ids', (random) => {
      const letters = Array.from('ab:{}|@*\0é😀');
      const entities = [
        keysOf(),
        keysOf({ name: 'thing.a' }),
        keysOf({ name: 'thin' }),
        keysOf({ name: 'tagged', hashTag: 'a' }),
        keysOf({ name: 'byId', hashTag: (id) => id.replaceAll(/[{}]/g, '') || 'none' }),
      ];
      const owners = new Map<string, string>();
      for (let nth = 0; nth < 10_000; nth++) {
        const id = Array.from({ length: 1 + random.integer(5) }, () => random.pick(letters)).join(
          '',
        );
        const entity = random.integer(entities.length);
        const { key } = entities[entity]!.reference(id);
        const owner = `${entity} ${id}`;

        expect(owners.get(key) ?? owner).toBe(owner);
        owners.set(key, owner);
      }
      expect(owners.size).toBeGreaterThan(1000);
    });
  });

  it('lies in the slot of its tag, whatever the id', () => {
    const keys = keysOf({ hashTag: 'bank' });

    const slots = ['a', '{b}', '}{', ':'].map((id) => slotOf(keys.reference(id).key));

    expect(new Set(slots)).toEqual(new Set([slotOf('bank')]));
  });

  it.each([
    ['dtx:', 'thing'],
    ['dtx:app:', 'thing'],
    ['', 'dtx'],
  ])('is refused among the keys of the library: %j and %s', (prefix, name) => {
    expect(() => keysOf({ name }, prefix)).toThrow(EntityDefinitionError);
    expect(() => keysOf({ name }, prefix)).toThrow("'dtx:'");
  });

  it.each(['dtx', 'd', 'app:dtx:'])('may begin with %j, which is another', (prefix) => {
    expect(keysOf({}, prefix).reference('a').key).toBe(`${prefix}thing:a`);
  });

  it.each(['', '{', 'a}b', '\ud800', 7, undefined, null])(
    'is refused when the function gives the tag %p',
    (tag) => {
      const keys = keysOf({ hashTag: () => tag as string });

      expect(() => keys.reference('a')).toThrow(EntityDefinitionError);
    },
  );

  it('is refused for an id that is none', () => {
    expect(() => keysOf().reference('')).toThrow(EntityIdError);
    expect(() => keysOf().reference(undefined as unknown as string)).toThrow(EntityIdError);
  });

  it('is refused with the limit when it is too long, and says so', () => {
    const keys = keysOf();

    expect(() => keys.reference('x'.repeat(1024 - 'thing:'.length))).not.toThrow();
    expect(() => keys.reference('x'.repeat(1025 - 'thing:'.length))).toThrow(LimitExceededError);
    expect(() => keys.reference('é'.repeat(65_536))).toThrow(/keyBytes allows 1024/);
  });
});
