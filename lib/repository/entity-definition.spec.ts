import { EntityDefinitionError } from '../errors/index.js';
import type { EntityCodec } from './entity-codec.js';
import {
  definitionOf,
  TxEntity,
  type EntityClass,
  type TxEntityOptions,
} from './entity-definition.js';

const codec: EntityCodec = { version: 1, encode: () => '', decode: () => ({}) };

function declare(options: unknown): EntityClass {
  class Thing {}
  TxEntity(options as TxEntityOptions)(Thing);
  return Thing;
}

describe('the declaration of an entity', () => {
  it('is complete, with every default filled in', () => {
    const entityClass = declare({ name: 'thing' });

    expect(definitionOf(entityClass)).toMatchObject({
      entityClass,
      name: 'thing',
      idField: 'id',
      ttlMs: undefined,
      hashTag: undefined,
      counters: [],
      codec: undefined,
      store: 'default',
    });
  });

  it('cannot be changed afterwards, not even by the list it was given', () => {
    const counters = ['a'];
    const definition = definitionOf(declare({ name: 'thing', counters }));
    counters.push('b');

    expect(definition.counters).toEqual(['a']);
    expect(Object.isFrozen(definition)).toBe(true);
    expect(Object.isFrozen(definition.counters)).toBe(true);
  });

  it('has a token that names the class and what may be missing', () => {
    const { token } = definitionOf(declare({ name: 'thing' }));

    expect(String(token)).toContain('TxRepository<Thing>');
    expect(String(token)).toContain('DistributedTxModule.forFeature([Thing])');
  });

  it('makes of a text for hashTag the same tag for every id', () => {
    const { hashTag } = definitionOf(declare({ name: 'thing', hashTag: 'bank' }));

    expect([hashTag?.('a'), hashTag?.('b')]).toEqual(['bank', 'bank']);
  });

  it.each(['a', 'A1', 'order-line', 'shop.order', 'order_line', `a${'x'.repeat(63)}`])(
    'may have the name %s',
    (name) => {
      expect(definitionOf(declare({ name })).name).toBe(name);
    },
  );

  it.each([
    ['name', undefined],
    ['name', {}],
    ['name', { name: '' }],
    ['name', { name: '1a' }],
    ['name', { name: 'a:b' }],
    ['name', { name: 'a{b}' }],
    ['name', { name: 'ä' }],
    ['name', { name: 'a\n' }],
    ['name', { name: `a${'x'.repeat(64)}` }],
    ['name', { name: 7 }],
    ['id', { name: 'a', id: '' }],
    ['id', { name: 'a', id: null }],
    ['ttlMs', { name: 'a', ttlMs: 0 }],
    ['ttlMs', { name: 'a', ttlMs: -1 }],
    ['ttlMs', { name: 'a', ttlMs: 1.5 }],
    ['ttlMs', { name: 'a', ttlMs: '1000' }],
    ['ttlMs', { name: 'a', ttlMs: Number.POSITIVE_INFINITY }],
    ['ttlMs', { name: 'a', ttlMs: 10n }],
    ['hashTag', { name: 'a', hashTag: '' }],
    ['hashTag', { name: 'a', hashTag: '{b}' }],
    ['hashTag', { name: 'a', hashTag: 'b}' }],
    ['hashTag', { name: 'a', hashTag: '\ud800' }],
    ['hashTag', { name: 'a', hashTag: 7 }],
    ['counters', { name: 'a', counters: 'balance' }],
    ['counters', { name: 'a', counters: null }],
    ['counters', { name: 'a', counters: 5 }],
    ['counters', { name: 'a', counters: ['b', 'b'] }],
    ['counters', { name: 'a', counters: ['id'] }],
    ['counters', { name: 'a', id: 'key', counters: ['key'] }],
    ['counters', { name: 'a', counters: [7] }],
    ['codec', { name: 'a', codec: { ...codec, version: 0 } }],
    ['codec', { name: 'a', codec: { ...codec, version: 1.5 } }],
    ['codec', { name: 'a', codec: null }],
    ['codec', { name: 'a', codec: 'json' }],
    ['codec', { name: 'a', codec: { ...codec, encode: undefined } }],
    ['codec', { name: 'a', codec: { ...codec, decode: 'json' } }],
    ['counter is no option', { name: 'a', counter: ['b'] }],
    ['Did you mean counters', { name: 'a', counter: ['b'] }],
    ['toString is no option', { name: 'a', toString: 'b' }],
  ])('is refused by the name of %s: %p', (option, options) => {
    const attempt = (): unknown => declare(options);

    expect(attempt).toThrow(EntityDefinitionError);
    expect(attempt).toThrow(new RegExp(`Thing.*${option}`, 's'));
  });
});

describe('a class that is no entity', () => {
  it('is one whose @TxEntity has no parentheses', () => {
    class Thing {}
    const bare = TxEntity as unknown as (target: unknown) => unknown;

    expect(() => bare(Thing)).toThrow(EntityDefinitionError);
    expect(() => bare(Thing)).toThrow(/Thing.*without parentheses/);
  });

  it('is refused with the advice to declare it', () => {
    class Plain {}

    expect(() => definitionOf(Plain)).toThrow('Plain is not declared as an entity');
    expect(() => definitionOf(Plain)).toThrow(EntityDefinitionError);
  });

  it('is one that only inherits from an entity', () => {
    const Base = declare({ name: 'base' }) as new () => object;
    class Derived extends Base {}

    expect(() => definitionOf(Derived)).toThrow(EntityDefinitionError);
  });

  it.each([undefined, null, 'Account', {}])('is %p', (value) => {
    expect(() => definitionOf(value as unknown as EntityClass)).toThrow(EntityDefinitionError);
  });
});
