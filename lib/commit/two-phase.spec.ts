import { ParticipantRegistry } from '../participants/participant-registry.js';
import { FaultyStore, type ProtocolMethod } from '../../test/support/faulty-store.js';
import { HeldItems } from '../../test/support/held-items.js';
import { InvariantViolationError } from '../errors/index.js';
import { AskedTooLateError } from '../store/asked-too-late.js';
import { slotOf } from '../store/hash-slot.js';
import type { ItemChange, OnePhaseCommit, PrepareRequest } from '../store/versioned-store.js';
import type { PlacedItem } from './commit-plan.js';
import type { CommitRequest } from './commit-request.js';
import { Coordinator } from './coordinator.js';

const write: ItemChange = { kind: 'write', counters: '', payload: '"new"', ttlMs: undefined };
/** The record lies with the first of these that is written. */
const [a, b, c] = Array.from('abc').toSorted((one, other) => slotOf(one) - slotOf(other)) as [
  string,
  string,
  string,
];

let group: HeldItems;
let store: FaultyStore;
let coordinator: Coordinator;
let calls: ProtocolMethod[];
let prepared: PrepareRequest[];
let decided: OnePhaseCommit[];

beforeEach(() => {
  group = new HeldItems();
  for (const key of [a, b, c]) group.store.setForeign(key, `4.w||"old"`);
  store = new FaultyStore(group.store);
  coordinator = new Coordinator(store, group.clock, {
    instance: 'me',
    heartbeat: { heartbeatMs: 100, lapseMs: 300 },
    events: group.events,
    participants: new ParticipantRegistry(),
  });
  calls = [];
  prepared = [];
  decided = [];
  store.before = ({ method }) => void calls.push(method);
  const prepare = group.store.prepare.bind(group.store);
  const commitOnePhase = group.store.commitOnePhase.bind(group.store);
  group.store.prepare = (request) => {
    prepared.push(request);
    return prepare(request);
  };
  group.store.commitOnePhase = (commit) => {
    decided.push(commit);
    return commitOnePhase(commit);
  };
});

function item(key: string, change?: ItemChange, expected: string | undefined = '4.w'): PlacedItem {
  return { node: group.store.nodeOf(key), key, expected, change };
}

function requestFor(items: readonly PlacedItem[], until = group.clock.now() + 400): CommitRequest {
  return {
    id: 'me1',
    items,
    readAtOnce: false,
    isAddressKnown: false,
    address: undefined,
    until,
    call: { name: undefined, callId: 'me1', attempt: 1 },
    branches: [],
    branchesHandedOver: false,
    locks: undefined,
    sent: undefined,
  };
}

async function commit(...items: PlacedItem[]) {
  return coordinator.commit(requestFor(items));
}

async function expectNothingLeft(): Promise<void> {
  expect([a, b, c].map((key) => group.store.peekRaw(key))).toEqual(
    [a, b, c].map(() => '4.w||"old"'),
  );
  expect(await group.entriesOf('me')).toEqual([]);
}

/** The order of the steps, repeated ones once. */
function phases(): readonly ProtocolMethod[] {
  return calls.filter((method, nth) => method !== calls[nth - 1]);
}

describe('a commit over several nodes of which everything elsewhere is written', () => {
  it('locks only what lies elsewhere, without a mark, and decides (T4)', async () => {
    expect(await commit(item(a, write), item(b, write), item(c, write))).toMatchObject({
      status: 'committed',
    });

    expect(prepared.map(({ items, marked }) => [items.map(({ key }) => key), marked])).toEqual([
      [[b], false],
      [[c], false],
    ]);
    expect(decided[0]!.items.map(({ key, held }) => [key, held])).toEqual([[a, undefined]]);
    expect(decided[0]!.redo?.map(({ key }) => key)).toEqual([b, c]);
  });

  it('notes what it holds before it decides, and applies afterwards (T2)', async () => {
    await commit(item(a, write), item(b, write));
    await group.clock.advance(50);

    const decision = calls.indexOf('commitOnePhase');
    expect(calls.slice(0, decision).toSorted()).toEqual(
      ['journal.beat', 'journal.enter', 'prepare'].toSorted(),
    );
    expect(calls.slice(decision)).toEqual(['commitOnePhase', 'apply', 'retire', 'journal.leave']);
  });
});

describe('a commit over several nodes that depends on what is only read elsewhere', () => {
  it('locks everything that it writes, with a mark, and validates behind the locks (T1)', async () => {
    await commit(item(a, write), item(b, write), item(c));

    expect(prepared.map(({ items, marked }) => [items.map(({ key }) => key), marked])).toEqual([
      [[a], true],
      [[b], true],
    ]);
    expect(calls.indexOf('read')).toBeGreaterThan(calls.lastIndexOf('prepare'));
    expect(calls.indexOf('read')).toBeGreaterThan(calls.indexOf('journal.enter'));
    expect(calls.indexOf('commitOnePhase')).toBeGreaterThan(calls.indexOf('read'));
    expect(decided[0]!.items[0]!.held).toMatch(/^4\.w\*me1@/);
  });

  it('is refused where that is locked by anybody (T1)', async () => {
    await group.hold(group.address([c]), [c]);

    expect(await commit(item(a, write), item(b, write), item(c))).toEqual({
      status: 'locked',
      index: 2,
      found: '4.w',
    });
    expect(decided).toEqual([]);
  });
});

describe('a commit over several nodes that is refused', () => {
  it('records that before a lock goes (T3), and leaves nothing behind', async () => {
    const result = await commit(item(a, write), item(b, write), item(c, write, '3.w'));

    expect(result).toEqual({ status: 'conflict', index: 2, found: '4.w' });
    expect(phases().slice(-3)).toEqual(['fence', 'release', 'journal.leave']);
    await expectNothingLeft();
  });

  it('tells the item beside the record by its place in the whole commit', async () => {
    expect(await commit(item(b, write), item(c, write), item(a, write, '3.w'))).toEqual({
      status: 'conflict',
      index: 2,
      found: '4.w',
    });
  });

  it('names what an item has against it rather than a node that did not answer', async () => {
    store.faultOf = ({ method, nth }) =>
      method === 'prepare' && nth === 1 ? { kind: 'not-sent' } : undefined;

    expect(await commit(item(a, write), item(b, write), item(c, write, '3.w'))).toMatchObject({
      status: 'conflict',
      index: 2,
    });
  });

  it('is unprepared where nothing but the journal did not answer', async () => {
    store.faultOf = ({ method }) => (method === 'journal.enter' ? { kind: 'not-sent' } : undefined);

    expect(await commit(item(a, write), item(b, write))).toMatchObject({ status: 'unprepared' });
    expect(decided).toEqual([]);
  });
});

it('locks nothing once its time is over', async () => {
  const late = requestFor([item(a, write), item(b, write)], group.clock.now());

  await expect(async () => coordinator.commit(late)).rejects.toBeInstanceOf(AskedTooLateError);
  expect(calls).toEqual([]);
});

describe('a fault of the library or of the store', () => {
  const fault = new InvariantViolationError('The step answered rubbish.');

  it('while it prepares is told after everything is rolled back', async () => {
    const prepare = group.store.prepare.bind(group.store);
    group.store.prepare = async (given) => {
      if (given.items[0]!.key === b) throw fault;
      return prepare(given);
    };

    const items = [item(a, write), item(b, write), item(c, write, '3.w')];
    await expect(commit(...items)).rejects.toBe(fault);

    await expectNothingLeft();
    expect(await outcome()).toBe('rolled_back');
  });

  it('while it decides is told after everything is rolled back', async () => {
    group.store.commitOnePhase = () => Promise.reject(fault);

    await expect(commit(item(a, write), item(b, write))).rejects.toBe(fault);

    await expectNothingLeft();
    expect(await outcome()).toBe('rolled_back');
  });

  it('in the answer to what was decided does not hide that it is committed', async () => {
    const decide = group.store.commitOnePhase.bind(group.store);
    group.store.commitOnePhase = async (given) => {
      await decide(given);
      throw fault;
    };

    expect(await commit(item(a, write), item(b, write))).toMatchObject({ status: 'committed' });
  });

  const outcome = () => {
    const deadlineAtMs = group.clock.time() + 400;
    return group.store.outcome({ id: 'me1', home: group.store.homeOf([a, b, c]), deadlineAtMs });
  };
});

describe('a roll back that finds the transaction committed', () => {
  it('answers so, and leaves nothing to be released', async () => {
    // The refusal of a step that happens once more, and is not refused then.
    const decide = group.store.commitOnePhase.bind(group.store);
    group.store.commitOnePhase = async (given) => {
      await decide(given);
      return { status: 'locked', index: 0, found: '4.w' };
    };

    const result = await commit(item(a, write), { ...item(b, write), expected: undefined });

    expect(result).toEqual({ status: 'committed', commitCounts: new Map([[1, 5]]) });
    expect([a, b].map((key) => group.payloadOf(key))).toEqual(['"new"', '"new"']);
    expect([a, b].filter((key) => group.isLocked(key))).toEqual([]);
  });
});

it('counts the commits of what was written without being seen, wherever it lies', async () => {
  const blind = (key: string): PlacedItem => ({ ...item(key, write), expected: undefined });

  const result = await commit(blind(b), blind(a), item(c, write));

  expect(result).toEqual({
    status: 'committed',
    commitCounts: new Map([
      [0, 5],
      [1, 5],
    ]),
  });
});
