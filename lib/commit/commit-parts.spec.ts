import type { ItemChange } from '../store/versioned-store.js';
import { partsOf } from './commit-parts.js';
import type { PlacedItem } from './commit-plan.js';

const write: ItemChange = { kind: 'write', counters: '', payload: '{}', ttlMs: undefined };
const remove: ItemChange = { kind: 'delete' };

function item(key: string, change?: ItemChange, expected: string | undefined = '1.w'): PlacedItem {
  return { node: key[0]!, key, expected, change };
}

const blind = (key: string): PlacedItem => ({ ...item(key, write), expected: undefined });

describe('the parts of a commit over several nodes', () => {
  const items = [
    item('b1', write),
    item('a1'),
    item('c1'),
    item('a2', write),
    item('c2', write),
    item('b2'),
    item('b3', remove),
  ];
  const parts = partsOf(items, 'a');

  it('tell the node of the record from others, and what is written from what is only read', () => {
    expect(parts.homeWritten.keys).toEqual(['a2']);
    expect(parts.homeRead.keys).toEqual(['a1']);
    expect(parts.readElsewhere.keys).toEqual(['c1', 'b2']);
    expect(parts.heldElsewhere.map(({ node, keys }) => [node, keys])).toEqual([
      ['b', ['b1', 'b3']],
      ['c', ['c2']],
    ]);
  });

  it('know the place of each item in the whole commit', () => {
    const [b] = parts.heldElsewhere;

    expect([0, 1].map((nth) => b!.indexOf(nth))).toEqual([0, 6]);
    expect(b!.placed({ status: 'conflict', index: 1, found: '2.x' })).toEqual({
      status: 'conflict',
      index: 6,
      found: '2.x',
    });
    expect(parts.readElsewhere.placed({ status: 'foreign', index: 1 }).index).toBe(5);
  });
});

describe('a part that is held', () => {
  function held() {
    const { homeWritten } = partsOf([blind('a1'), item('a2', write), item('a3', remove)], 'a');
    const before = { items: homeWritten.heldItems, redo: homeWritten.redo };
    homeWritten.hold(['4.w*lock', '1.w*lock', '1.w*lock']);
    return { part: homeWritten, before };
  }

  it('says under which head each item is held, and what becomes of it', () => {
    const { part } = held();

    expect(part.heldItems.map((each) => each.held)).toEqual(['4.w*lock', '1.w*lock', '1.w*lock']);
    expect(part.redo).toEqual([
      { key: 'a1', held: '4.w*lock', change: write },
      { key: 'a2', held: '1.w*lock', change: write },
      { key: 'a3', held: '1.w*lock', change: remove },
    ]);
  });

  it('had neither heads nor a redo before', () => {
    const { before } = held();

    expect(before.items.map((each) => each.held)).toEqual([undefined, undefined, undefined]);
    expect(before.redo).toEqual([]);
  });

  it('counts the commits of what was written without being seen', () => {
    expect([...held().part.commitCounts()]).toEqual([[0, 5]]);
  });

  it('counts from nothing where a placeholder is held', () => {
    const { homeWritten } = partsOf([blind('a1')], 'a');
    homeWritten.hold(['0.1767225600000001*lock']);

    expect([...homeWritten.commitCounts()]).toEqual([[0, 1]]);
  });
});
