import { SeededRandom } from '../../test/support/seeded-random.js';
import { withSeed } from '../../test/support/seeded-random.js';
import { addWithin, parseCounters } from './counters.js';
import { parseStoredItem, printStoredItem } from './stored-item.js';
import { commitCountOf, nextVersion, writerOf } from './version.js';

const ALPHABET = Array.from('0123456789.|*,-_aZ{}"\\ \n\0é😀');

function text(random: SeededRandom, most: number): string {
  return Array.from({ length: random.integer(most) }, () => random.pick(ALPHABET)).join('');
}

function looksLikeVersion(count: string, writer: string): boolean {
  const digits = count.split('').every((digit) => '0123456789'.includes(digit));
  const writerFits = writer !== '' && writer.split('').every((letter) => /[\w-]/.test(letter));
  return digits && count[0] !== '0' && count.length <= 16 && writerFits;
}

/** The layout in other words than those of the parser. */
function looksLikeItem(value: string): boolean {
  const [head, counters] = value.split('|');
  if (head === undefined || counters === undefined || value.split('|').length < 3) return false;
  const [version, ...lock] = head.split('*');
  if (lock.length > 0 && lock.join('*') === '') return false;
  const dot = version!.indexOf('.');
  const count = version!.slice(0, Math.max(dot, 0));
  const writer = version!.slice(dot + 1);
  if (count === '0') return looksLikeVersion('1', writer) && value === `${head}||`;
  return dot > 0 && looksLikeVersion(count, writer);
}

describe('a stored item', () => {
  it('comes back from its text as it was printed', async () => {
    await withSeed('round trips of items', (random) => {
      for (let nth = 0; nth < 10_000; nth++) {
        const version = nextVersion(
          String(random.integer(1e9)),
          text(random, 20).replaceAll(/[^\w-]/g, '') || 'w',
        );
        const counters = Array.from({ length: random.integer(4) }, () => random.integer(99) - 50);
        const payload = text(random, 40);

        const printed = printStoredItem(version, counters.join(','), payload);

        const expected = { version, counters: counters.join(','), payload };
        expect(parseStoredItem(printed)).toEqual({ kind: 'item', lock: undefined, ...expected });
        expect(parseCounters(expected.counters)).toEqual(counters);
      }
    });
  });

  it('is never mistaken for a foreign value, nor a foreign value for it', async () => {
    await withSeed('foreign values', (random) => {
      let items = 0;
      for (let nth = 0; nth < 10_000; nth++) {
        const value = random.chance(0.5)
          ? text(random, 20)
          : `${random.integer(30)}.${text(random, 3)}${random.pick(['', '|', '*'])}${text(random, 9)}`;

        const parsed = parseStoredItem(value);

        expect({ value, kind: parsed.kind }).toEqual({
          value,
          kind: looksLikeItem(value) ? 'item' : 'foreign',
        });
        if (parsed.kind === 'item') items++;
      }
      expect(items).toBeGreaterThan(50);
    });
  });

  it.each([
    '',
    '|',
    '||',
    '0.a|1|',
    '0.a||x',
    '01.a||',
    '1||',
    '1.||',
    '1.a|',
    '1.a',
    '-1.a||',
    '1.a*||',
  ])('is not what stands in %j', (value) => {
    expect(parseStoredItem(value)).toEqual({ kind: 'foreign', value });
  });

  it('shows the holder of a lock', () => {
    expect(parseStoredItem('7.w*id@0@99!|1,2|a|b')).toEqual({
      kind: 'item',
      version: '7.w',
      lock: 'id@0@99!',
      counters: '1,2',
      payload: 'a|b',
    });
  });
});

describe('a version', () => {
  it('counts the commits of its item and names the writer', () => {
    const version = nextVersion(nextVersion('0', 'a'), 'writer-2');

    expect([version, commitCountOf(version), writerOf(version)]).toEqual([
      '2.writer-2',
      2,
      'writer-2',
    ]);
  });

  it('has no commits and no writer where the item is absent', () => {
    expect([commitCountOf('0'), writerOf('0')]).toEqual([0, undefined]);
  });
});

describe('a bounded addition', () => {
  const { MAX_SAFE_INTEGER: max, MIN_SAFE_INTEGER: min } = Number;

  it.each([
    [5, -5, 0, undefined, 0],
    [5, -6, 0, undefined, undefined],
    [5, 5, undefined, 10, 10],
    [5, 6, undefined, 10, undefined],
    [max, 0, undefined, undefined, max],
    [max, 1, undefined, undefined, undefined],
    [min, -1, undefined, undefined, undefined],
    [max, max, undefined, undefined, undefined],
    [min, max, undefined, undefined, 0],
  ])('of %d and %d within %p and %p is %p', (...[value, by, min, max, sum]) => {
    expect(addWithin(value, { index: 0, by, min, max })).toBe(sum);
  });
});
