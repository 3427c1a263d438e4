import { withSeed, type SeededRandom } from '../../test/support/seeded-random.js';
import { whyNotStorable } from './storable.js';

const cyclic: { self?: unknown; list?: unknown[] } = {};
cyclic.self = cyclic;

function nested(depth: number): unknown {
  return depth === 0 ? 1 : { a: nested(depth - 1) };
}

const hidden = JSON.parse('{"a":{"__proto__":{"admin":true}}}') as unknown;

describe('a value that can be stored', () => {
  it.each([
    ['plain data', { a: [1, 'b', null, true, { c: -0.5 }], d: '' }],
    ['properties that are undefined, which are left out', { a: undefined }],
    ['a null prototype', Object.assign(Object.create(null) as object, { a: 1 })],
    ['a Date, which becomes a text', { at: new Date(0) }],
    [
      'an instance of a class',
      new (class Money {
        amount = 1;
      })(),
    ],
    ['half a surrogate pair, which JSON escapes', { a: '\ud800' }],
    [
      'the same object twice',
      (() => {
        const a = {};
        return [a, a];
      })(),
    ],
    ['100 levels', nested(100)],
    ['what only looks dangerous', { constructor: 1, prototype: 2, toString: 'x' }],
  ])('is %s', (_, value) => {
    expect(whyNotStorable(value, 'Entity')).toBeUndefined();
  });

  it('comes back from JSON as it was, whatever it is', async () => {
    await withSeed('storable values', (random) => {
      for (let nth = 0; nth < 2000; nth++) {
        const value = anything(random, 4);
        if (whyNotStorable(value, 'Entity') !== undefined) continue;
        expect(JSON.parse(JSON.stringify({ value }))).toEqual({ value });
      }
    });
  });
});

describe('a value that cannot be stored', () => {
  it.each([
    ['E.a is a function', { a: () => 1 }],
    ['E.a is a bigint', { a: 1n }],
    ['E.a is a symbol', { a: Symbol('s') }],
    ['E.a is NaN', { a: Number.NaN }],
    ['E.a is Infinity', { a: Number.POSITIVE_INFINITY }],
    ['E.a is -Infinity', { a: Number.NEGATIVE_INFINITY }],
    ['E.a is a Map', { a: new Map() }],
    ['E.a is a Set', { a: new Set() }],
    ['E.a is a WeakMap', { a: new WeakMap() }],
    ['E.a is a Promise', { a: Promise.resolve() }],
    ['E.a is a RegExp', { a: /x/ }],
    ['E.a is a TypeError', { a: new TypeError('x') }],
    ['E.a is a Uint8Array', { a: new Uint8Array(2) }],
    ['E.a is a Buffer', { a: Buffer.from('x') }],
    ['E.a is an ArrayBuffer', { a: new ArrayBuffer(2) }],
    ['E.a has a property named by a symbol', { a: { [Symbol('s')]: 1 } }],
    ['E.a[1] is undefined', { a: [1, undefined] }],
    ['E.a[0] is undefined', { a: new Array<number>(1) }],
    ['E.a.b[2].c is a bigint', { a: { b: [1, 2, { c: 3n }] } }],
    ['E.a has a property named __proto__', hidden],
  ])('is named by its path: %s', (reason, value) => {
    expect(whyNotStorable(value, 'E')).toBe(reason);
  });

  it('is one that refers to itself, or is nested without an end', () => {
    expect(whyNotStorable(cyclic, 'E')).toMatch(/refers to itself/);
    expect(whyNotStorable(nested(5000), 'E')).toMatch(/nested deeper/);
    expect(whyNotStorable({ cyclic }, 'E')).toMatch(/^E(\.cyclic)(\.self){3}.*… is nested deeper/);
    expect(whyNotStorable(cyclic, 'E')!.length).toBeLessThan(120);
    const list: unknown[] = [];
    list.push(list);
    expect(whyNotStorable({ list }, 'E')).toMatch(/^E\.list(\[0\]){2,5}… is nested/);
  });
});

function anything(random: SeededRandom, depth: number): unknown {
  const leaves = ['', 'a', '😀', '\0', 0, 1.5, -7, 1e300, true, null, Number.NaN, 1n, new Map()];
  if (depth === 0 || random.chance(0.4)) return random.pick(leaves);
  const count = random.integer(4);
  if (random.chance(0.5)) return Array.from({ length: count }, () => anything(random, depth - 1));
  const names = Array.from({ length: count }, () => random.pick(['a', 'b', '', 'ü', 'toString']));
  return Object.fromEntries(names.map((name) => [name, anything(random, depth - 1)]));
}
