import { ParticipantRegistry } from '../participants/participant-registry.js';
import { InvariantViolationError, TransactionAddressError } from '../errors/index.js';
import { EmbeddedStore } from '../store/embedded/embedded-store.js';
import { placeKey } from '../store/placed-key.js';
import { StoreGroup } from '../store/store-group.js';
import { ManualClock } from '../testing/index.js';
import { CommitEvents } from './commit-events.js';
import type { SentCommit } from './commit-request.js';
import type { PlacedItem } from './commit-plan.js';
import { Coordinator } from './coordinator.js';

const clock = new ManualClock();
const lifetime = { longestTimeoutMs: 1000, marginMs: 100, retentionMs: 100 };
const stores = ['default', 'other'].map((name) => new EmbeddedStore({ name, clock, lifetime }));
const [store, other] = stores as [EmbeddedStore, EmbeddedStore];
const events = new CommitEvents({ error: () => undefined });
const group = new StoreGroup(new Map(stores.map((each) => [each.name, each])));
const coordinator = new Coordinator(group, clock, {
  instance: 'me',
  heartbeat: { heartbeatMs: 1000, lapseMs: 3000 },
  events,
  participants: new ParticipantRegistry(),
});

const seen = (key: string, expected: string, at = store): PlacedItem => ({
  node: at.name,
  key: placeKey(at.name, key),
  expected,
  change: undefined,
});

beforeEach(async () => {
  stores.forEach((each) => each.clear());
  await group.learn(10);
});

describe('reads that are validated', () => {
  it('stand where every version and every absence still does, in every store', async () => {
    store.setForeign('a', '4.w||{}');
    other.setForeign('a', '1.x||{}');
    const items = [seen('a', '4.w'), seen('b', '0'), seen('a', '1.x', other)];

    expect(await coordinator.validate(items, 10)).toMatchObject({ status: 'committed' });
    expect(await coordinator.validate([], 10)).toMatchObject({ status: 'committed' });
  });

  it.each([
    ['another version', '5.w||{}', '5.w'],
    ['the same count by another writer', '4.x||{}', '4.x'],
    ['nothing', undefined, '0'],
    ['a value of another program', 'foreign', 'foreign'],
  ])('are a conflict where %s stands now', async (_, stands, found) => {
    if (stands !== undefined) store.setForeign('a', stands);

    const result = await coordinator.validate([seen('b', '0'), seen('a', '4.w')], 10);

    expect(result).toEqual({ status: 'conflict', index: 1, found });
  });

  it.each([
    ['the version still stands', '4.w*holder@0@1!~9||{}', '4.w', '4.w'],
    ['nothing stands still', '0.7*holder@0@1||', '0', '0'],
    ['another version stands', '5.w*holder@0@1||{}', '4.w', '5.w'],
  ])('meet a lock of anybody, though %s', async (_, stands, expected, found) => {
    store.setForeign('a', stands);

    const result = await coordinator.validate([seen('b', '0'), seen('a', expected)], 10);

    expect(result).toEqual({ status: 'locked', index: 1, found });
  });

  it('are a conflict where an absence has become a value of another program', async () => {
    store.setForeign('a', 'foreign');

    const result = await coordinator.validate([seen('a', '0')], 10);

    expect(result).toEqual({ status: 'conflict', index: 0, found: 'foreign' });
  });
});

describe('a commit', () => {
  const change = { kind: 'delete' } as const;
  const request = {
    id: 'me',
    readAtOnce: true,
    isAddressKnown: false,
    until: 500,
    address: undefined,
    call: { name: undefined, callId: 'me', attempt: 1 },
    branches: [],
    branchesHandedOver: false,
    locks: undefined,
    sent: undefined as SentCommit | undefined,
  };

  it('across stores holds what lies away from the record, and writes both', async () => {
    store.setForeign('a', '1.w||{}');
    other.setForeign('a', '1.w||{}');
    const items = [
      { ...seen('a', '1.w'), change },
      { ...seen('a', '1.w', other), change },
    ];

    expect(await coordinator.commit({ ...request, items })).toMatchObject({ status: 'committed' });
    await coordinator.close();

    expect([store.peekRaw('a'), other.peekRaw('a')]).toEqual([undefined, undefined]);
  });

  it('of reads is recorded where somebody knows the address, in whatever store that is', async () => {
    store.setForeign('a', '1.w||{}');
    const address = coordinator.addressFor('reader', [seen('b', '0', other)], clock.now() + 500);
    const commit = (expected: string) =>
      coordinator.commit({
        ...request,
        readAtOnce: false,
        items: [seen('a', expected)],
        address,
        isAddressKnown: true,
      });

    expect(await commit('2.w')).toMatchObject({ status: 'conflict', index: 0 });
    expect(await other.outcome(address)).toBe('undecided');

    expect(await commit('1.w')).toMatchObject({ status: 'committed' });
    expect(await other.outcome(address)).toBe('committed');
  });

  describe('whose answer nobody understands', () => {
    const rubbish = new InvariantViolationError('The step answered rubbish.');

    async function resolved(happens: boolean) {
      const own = new EmbeddedStore({ name: 'default', clock, lifetime });
      own.setForeign('a', '1.w||{}');
      const step = own.commitOnePhase.bind(own);
      own.commitOnePhase = async (commit) => {
        if (happens) await step(commit);
        commit.sent = true;
        throw rubbish;
      };
      const alone = new Coordinator(own, clock, {
        instance: 'me',
        heartbeat: { heartbeatMs: 1000, lapseMs: 3000 },
        events,
        participants: new ParticipantRegistry(),
      });
      const asked = { ...request, items: [{ ...seen('a', '1.w', own), change }] };
      const error: unknown = await Promise.resolve(alone.commit(asked)).catch((e: unknown) => e);
      const result: unknown = await alone.resolve(asked.sent!, 500, error).catch((e: unknown) => e);
      return [result, await own.outcome(asked.sent!.commit.address)];
    }

    it('is found to be committed', async () => {
      expect(await resolved(true)).toMatchObject([{ status: 'committed' }, 'committed']);
    });

    it('is fenced before the fault is told', async () => {
      expect(await resolved(false)).toEqual([rubbish, 'rolled_back']);
    });
  });

  it('needs stores that are configured', () => {
    expect(() => coordinator.store.nodeOf('@none/a')).toThrow(InvariantViolationError);
  });
});

describe('an outcome', () => {
  it('is that of the store that its address names', async () => {
    const [here, there] = [store, other].map((each) =>
      coordinator.addressFor('me', [seen('a', '0', each)], clock.now() + 500),
    );
    await other.fence(there!);

    expect(await coordinator.outcomeOf(here!, 10)).toBe('undecided');
    expect(await coordinator.outcomeOf(there!, 10)).toBe('rolled_back');
  });

  it('is not told of a cache that is none of the stores', async () => {
    const address = { id: 'me', home: '0.0123456789ab', deadlineAtMs: clock.time() + 500 };

    await expect(coordinator.outcomeOf(address, 10)).rejects.toThrow(TransactionAddressError);
  });
});
