import { planCommit, type CommitPlan, type PlacedItem } from './commit-plan.js';

const write = { kind: 'write', counters: '', payload: '', ttlMs: undefined } as const;

function item(node: string, changed = false): PlacedItem {
  const store = node.split('/')[0]!;
  return { store, node, key: node, expected: '0', change: changed ? write : undefined };
}

const oneNode = [item('a/1'), item('a/1')];
const twoNodes = [item('a/1'), item('a/2')];
const twoStores = [item('a/1'), item('b/1')];
const changedOne = [item('a/1'), item('a/1', true)];
const changedAcross = [item('a/1'), item('a/2', true)];

interface Row {
  readonly items: readonly PlacedItem[];
  readonly readAtOnce: boolean;
  readonly announcedIn?: string;
  readonly plan: CommitPlan;
}

const nothing: CommitPlan = { kind: 'nothing' };
const validate: CommitPlan = { kind: 'validate' };
const onePhase = (store: string): CommitPlan => ({ kind: 'one-phase', store });

describe('the plan of a commit', () => {
  it.each<readonly [string, Row]>([
    ['nothing, where nothing was touched', { items: [], readAtOnce: true, plan: nothing }],
    ['nothing for no validated read', { items: [], readAtOnce: false, plan: nothing }],
    ['nothing for reads of one step', { items: oneNode, readAtOnce: true, plan: nothing }],
    ['a look again at reads of several', { items: oneNode, readAtOnce: false, plan: validate }],
    ['a look again at several nodes', { items: twoNodes, readAtOnce: true, plan: validate }],
    ['a look again at several stores', { items: twoStores, readAtOnce: true, plan: validate }],
    [
      'a record alone, where only the address is known',
      { items: [], readAtOnce: true, announcedIn: 'b', plan: onePhase('b') },
    ],
    [
      'one step with a record for reads whose address is known',
      { items: oneNode, readAtOnce: true, announcedIn: 'a', plan: onePhase('a') },
    ],
    [
      'a look again at several nodes, whose address is known',
      { items: twoNodes, readAtOnce: true, announcedIn: 'a', plan: validate },
    ],
    ['one step for changes', { items: changedOne, readAtOnce: false, plan: onePhase('a') }],
    [
      'one step for changes whose address is known',
      { items: changedOne, readAtOnce: false, announcedIn: 'a', plan: onePhase('a') },
    ],
    [
      'a refusal of changes across nodes',
      {
        items: changedAcross,
        readAtOnce: true,
        plan: { kind: 'cross-node', nodes: ['a/1', 'a/2'] },
      },
    ],
    [
      'a refusal of changes across stores, whose address is known',
      {
        items: [...twoStores, item('b/1', true)],
        readAtOnce: true,
        announcedIn: 'a',
        plan: { kind: 'cross-node', nodes: ['a/1', 'b/1'] },
      },
    ],
  ])('is %s', (_, { items, readAtOnce, announcedIn, plan }) => {
    expect(planCommit({ items, readAtOnce, announcedIn })).toEqual(plan);
  });
});
