import { planCommit, type CommitPlan, type PlacedItem } from './commit-plan.js';

const write = { kind: 'write', counters: '', payload: '', ttlMs: undefined } as const;

function item(node: string, changed = false): PlacedItem {
  return { node, key: node, expected: '0', change: changed ? write : undefined };
}

const oneNode = [item('a/1'), item('a/1')];
const twoNodes = [item('a/1'), item('a/2')];
const changedOne = [item('a/1'), item('a/1', true)];
const across = [item('a/1'), item('a/2', true)];

interface Row {
  readonly items: readonly PlacedItem[];
  readonly readAtOnce: boolean;
  readonly recordNode?: string;
  readonly plan: CommitPlan;
}

const home = { recordNode: 'a/1' };

describe('the plan of a commit', () => {
  it.each<readonly [string, Row]>([
    ['nothing, where nothing was touched', { items: [], readAtOnce: true, plan: 'nothing' }],
    ['nothing for no validated read', { items: [], readAtOnce: false, plan: 'nothing' }],
    ['nothing for reads of one step', { items: oneNode, readAtOnce: true, plan: 'nothing' }],
    ['a look again at reads of several', { items: oneNode, readAtOnce: false, plan: 'validate' }],
    ['a look again at several nodes', { items: twoNodes, readAtOnce: true, plan: 'validate' }],
    [
      'one step for changes beside their record',
      { items: changedOne, readAtOnce: false, ...home, plan: 'one-phase' },
    ],
    [
      'two phases for changes away from their record',
      { items: changedOne, readAtOnce: false, recordNode: 'a/records', plan: 'two-phase' },
    ],
    [
      'two phases for changes across nodes',
      { items: across, readAtOnce: true, recordNode: 'a/2', plan: 'two-phase' },
    ],
    [
      'two phases for a change that depends on another node',
      { items: [item('a/2'), item('a/1', true)], readAtOnce: true, ...home, plan: 'two-phase' },
    ],
  ])('is %s', (_, { items, readAtOnce, recordNode, plan }) => {
    expect(planCommit({ items, readAtOnce, recordNode, hasBranches: false })).toBe(plan);
  });

  it.each<readonly [string, Row]>([
    ['a record alone', { items: [], readAtOnce: true, ...home, plan: 'one-phase' }],
    [
      'one step with a record for reads of its node',
      { items: oneNode, readAtOnce: true, ...home, plan: 'one-phase' },
    ],
    [
      'nothing, before its record, for reads of one step on another node',
      { items: oneNode, readAtOnce: true, recordNode: 'a/2', plan: 'nothing' },
    ],
    [
      'a look again, before its record, at reads of several steps on another node',
      { items: oneNode, readAtOnce: false, recordNode: 'a/2', plan: 'validate' },
    ],
    [
      'a look again, before its record, at several nodes',
      { items: twoNodes, readAtOnce: true, ...home, plan: 'validate' },
    ],
  ])('is, where somebody knows the address, %s', (_, { items, readAtOnce, recordNode, plan }) => {
    expect(planCommit({ items, readAtOnce, recordNode, hasBranches: false })).toBe(plan);
  });

  it('is for others whatever is read and written, where they take part', () => {
    for (const items of [[], oneNode, changedOne, across]) {
      expect(planCommit({ items, readAtOnce: true, ...home, hasBranches: true })).toBe(
        'participants',
      );
    }
  });
});
