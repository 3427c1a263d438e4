import { planCommit, type CommitPlan, type Home, type PlacedItem } from './commit-plan.js';

const write = { kind: 'write', counters: '', payload: '', ttlMs: undefined } as const;

function item(node: string, changed = false): PlacedItem {
  const store = node.split('/')[0]!;
  return { store, node, key: node, expected: '0', change: changed ? write : undefined };
}

const oneNode = [item('a/1'), item('a/1')];
const twoNodes = [item('a/1'), item('a/2')];
const twoStores = [item('a/1'), item('b/1')];
const changedOne = [item('a/1'), item('a/1', true)];
const across = [item('a/1'), item('a/2', true)];

interface Row {
  readonly items: readonly PlacedItem[];
  readonly readAtOnce: boolean;
  readonly home?: Home;
  readonly plan: CommitPlan;
}

const home = (node: string): Home => ({ store: node.split('/')[0]!, node });
const nothing: CommitPlan = { kind: 'nothing' };
const validate: CommitPlan = { kind: 'validate' };
const onePhase: CommitPlan = { kind: 'one-phase', store: 'a' };
const twoPhase: CommitPlan = { kind: 'two-phase', store: 'a' };
const crossStore: CommitPlan = { kind: 'cross-store', stores: ['a', 'b'] };

describe('the plan of a commit', () => {
  it.each<readonly [string, Row]>([
    ['nothing, where nothing was touched', { items: [], readAtOnce: true, plan: nothing }],
    ['nothing for no validated read', { items: [], readAtOnce: false, plan: nothing }],
    ['nothing for reads of one step', { items: oneNode, readAtOnce: true, plan: nothing }],
    ['a look again at reads of several', { items: oneNode, readAtOnce: false, plan: validate }],
    ['a look again at several nodes', { items: twoNodes, readAtOnce: true, plan: validate }],
    ['a look again at several stores', { items: twoStores, readAtOnce: true, plan: validate }],
    ['one step for changes', { items: changedOne, readAtOnce: false, plan: onePhase }],
    ['two phases for changes across nodes', { items: across, readAtOnce: true, plan: twoPhase }],
    [
      'two phases for a change that depends on another node',
      { items: [item('a/2'), item('a/1', true)], readAtOnce: true, plan: twoPhase },
    ],
    [
      'a refusal of changes across stores',
      { items: [...twoStores, item('b/1', true)], readAtOnce: true, plan: crossStore },
    ],
  ])('is %s', (_, { items, readAtOnce, plan }) => {
    expect(planCommit({ items, readAtOnce, home: undefined, hasBranches: false })).toEqual(plan);
  });

  it.each<readonly [string, Row & { readonly home: Home }]>([
    ['a record alone', { items: [], readAtOnce: true, home: home('a/1'), plan: onePhase }],
    [
      'one step with a record for reads of its node',
      { items: oneNode, readAtOnce: true, home: home('a/1'), plan: onePhase },
    ],
    [
      'nothing, before its record, for reads of one step on another node',
      { items: oneNode, readAtOnce: true, home: home('a/2'), plan: nothing },
    ],
    [
      'a look again, before its record, at reads of several steps on another node',
      { items: oneNode, readAtOnce: false, home: home('a/2'), plan: validate },
    ],
    [
      'a look again, before its record, at another store',
      { items: oneNode, readAtOnce: false, home: home('b/1'), plan: validate },
    ],
    [
      'a look again, before its record, at several nodes',
      { items: twoNodes, readAtOnce: true, home: home('a/1'), plan: validate },
    ],
    [
      'one step for changes of its node',
      { items: changedOne, readAtOnce: false, home: home('a/1'), plan: onePhase },
    ],
    [
      'two phases for changes of another node',
      { items: changedOne, readAtOnce: false, home: home('a/2'), plan: twoPhase },
    ],
    [
      'two phases for changes across nodes',
      { items: across, readAtOnce: true, home: home('a/3'), plan: twoPhase },
    ],
    [
      'a refusal of changes in another store',
      { items: changedOne, readAtOnce: true, home: home('b/1'), plan: crossStore },
    ],
  ])('is, where somebody knows the address, %s', (_, { items, readAtOnce, home, plan }) => {
    expect(planCommit({ items, readAtOnce, home, hasBranches: false })).toEqual(plan);
  });
});
