import { SeededRandom, withSeed } from '../../test/support/seeded-random.js';
import { InvariantViolationError } from '../errors/index.js';
import { parseRedo, printRedo } from './redo.js';
import type { CounterIncrement, HeldItem, ItemChange } from './versioned-store.js';

const TEXTS = ['', '{}', '"', '\\', '|', '*', '\0', '\n', '😀', '\u2028', '1,-2', '],['] as const;
const SAFE = Number.MAX_SAFE_INTEGER;
const NUMBERS = [0, 1, -1, SAFE, -SAFE] as const;

function stepOf(random: SeededRandom): CounterIncrement {
  const bound = () => (random.chance(0.5) ? undefined : random.pick(NUMBERS));
  return { index: random.integer(9), by: random.pick(NUMBERS), min: bound(), max: bound() };
}

function changeOf(random: SeededRandom): ItemChange {
  const ttlMs = random.chance(0.5) ? undefined : random.integer(1e9);
  const kind = random.pick(['write', 'delete', 'increment'] as const);
  if (kind === 'delete') return { kind };
  if (kind === 'write') {
    return { kind, counters: random.pick(TEXTS), payload: random.pick(TEXTS), ttlMs };
  }
  return {
    kind,
    increments: Array.from({ length: random.integer(4) }, () => stepOf(random)),
    ttlMs,
  };
}

/** As a store reads it: the members stand among others in the JSON of a record. */
function recordOf(redo: readonly HeldItem[]): string {
  return `{"decidedAt":7,"name":"pay",${printRedo(redo)}}`;
}

describe('a redo', () => {
  it('comes back from the JSON of a record as it was', async () => {
    await withSeed('round trips of redos', (random) => {
      for (let nth = 0; nth < 5000; nth++) {
        const redo = Array.from({ length: random.integer(5) }, () => ({
          key: `key:${random.pick(TEXTS)}`,
          held: `7.w*id@0@9${random.pick(['', '!', '~5', '!~5'])}`,
          change: changeOf(random),
        }));

        expect(parseRedo(recordOf(redo))).toEqual(redo);
      }
    });
  });

  it('has a layout that other releases read', () => {
    const held = '7.w*id@0@9';
    const increments = [{ index: 1, by: -2, min: 0, max: undefined }];

    const printed = printRedo([
      { key: 'a', held, change: { kind: 'write', counters: '1', payload: '{}', ttlMs: undefined } },
      { key: 'b', held, change: { kind: 'write', counters: '', payload: '{}', ttlMs: 5 } },
      { key: 'c', held, change: { kind: 'delete' } },
      { key: 'd', held, change: { kind: 'increment', increments, ttlMs: undefined } },
      { key: 'e', held, change: { kind: 'increment', increments, ttlMs: 5 } },
    ]);

    expect(printed).toBe(
      `"redo":[["a","${held}","w","1","{}"],["b","${held}","w","","{}",5],["c","${held}","d"],` +
        `["d","${held}","i",[[1,-2,0,null]]],["e","${held}","i",[[1,-2,0,null]],5]]`,
    );
  });

  it('is empty where a record has none', () => {
    expect(parseRedo('{"decidedAt":7}')).toEqual([]);
  });

  it('is refused where it is of a kind that this release does not know', () => {
    for (const record of ['{"redo":[["a","1.w*id@0@9","x"]]}', '{"redo":', '{"redo":7}', '']) {
      expect(() => parseRedo(record)).toThrow(InvariantViolationError);
    }
  });
});
