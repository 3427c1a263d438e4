import { InvariantViolationError } from '../../errors/index.js';
import { ManualClock } from '../../testing/manual-clock.js';
import { slotOf } from '../hash-slot.js';
import { recordKeyOf } from '../transaction-address.js';
import type { CommitItem } from '../versioned-store.js';
import { EmbeddedStore } from './embedded-store.js';

const lifetime = { longestTimeoutMs: 60_000, marginMs: 1000, retentionMs: 250 };
const change = { kind: 'write', counters: '', payload: '{}', ttlMs: undefined } as const;

function insert(key: string): CommitItem {
  return { key, expected: '0', change };
}

describe('an EmbeddedStore of several nodes', () => {
  let store: EmbeddedStore;
  const keys = ['{a}:1', '{b}:1', '{a}:2', '{b}:2'];
  const own = keys.filter((key) => key.startsWith('{a}'));

  function addressFor(over: readonly string[]) {
    const home = store.homeOf(over);
    return { id: 'tx-1', home, deadlineAtMs: store.toNodeTime(5000) };
  }

  beforeEach(() => {
    const nodeOf = (key: string) => `node-${slotOf(key)}`;
    store = new EmbeddedStore({ name: 'default', clock: new ManualClock(), lifetime, nodeOf });
  });

  it('puts a record on the node of the smallest slot, for any order of the keys', () => {
    const lowest = keys.toSorted((one, other) => slotOf(one) - slotOf(other))[0]!;

    for (const order of [keys, keys.toReversed()]) {
      expect(store.nodeOf(recordKeyOf(addressFor(order)))).toBe(store.nodeOf(lowest));
    }
    expect(store.spansNodes).toBe(true);
  });

  it('gives what it reads from several nodes no common moment', async () => {
    await store.commitOnePhase({
      address: addressFor(own),
      items: own.map(insert),
      record: '"r":1',
      sent: false,
    });

    const across = await store.read(keys);

    expect(across.items.map((item) => item?.kind)).toEqual(['item', undefined, 'item', undefined]);
    expect(across.moment).toBeUndefined();
    expect((await store.read(own)).moment).toBeDefined();
  });

  it('refuses a step that would cover several nodes, and changes nothing', async () => {
    const address = addressFor(keys);
    const items = keys.map(insert);
    const held = keys.map((key) => ({ key, held: '0.1*tx-1@0@9', change }));
    const steps = [
      store.commitOnePhase({ address, items, record: '"r":1', sent: false }),
      store.prepare({ address, marked: false, items }),
      store.apply(address, held),
      store.release(address, keys),
    ];

    for (const step of steps) await expect(step).rejects.toThrow(InvariantViolationError);

    expect((await store.read(keys)).items.every((item) => item === undefined)).toBe(true);
    expect(await store.outcome(address)).toBe('undecided');
  });

  it('refuses to decide away from the items beside the record', async () => {
    const address = addressFor(['{b}:1']);
    const commit = { address, items: own.map(insert), record: '"r":1', sent: false };

    await expect(store.commitOnePhase(commit)).rejects.toThrow(InvariantViolationError);
  });
});

describe('an EmbeddedStore of one node', () => {
  it('never throws away by its own what cannot be applied as it was prepared', async () => {
    const clock = new ManualClock();
    const store = new EmbeddedStore({ name: 'default', clock, lifetime });
    const address = { id: 'tx-1', home: store.homeOf([]), deadlineAtMs: store.toNodeTime(5000) };
    const reply = await store.prepare({ address, marked: false, items: [insert('a')] });
    const [held] = reply.status === 'prepared' ? reply.heads : [];
    const increments = [{ index: 0, by: 1, min: undefined, max: undefined }];
    const other = { kind: 'increment', increments, ttlMs: undefined } as const;

    const step = store.apply(address, [{ key: 'a', held: held!, change: other }]);

    await expect(step).rejects.toThrow(InvariantViolationError);
    expect(store.peekRaw('a')).toBe(`${held}||`);
    expect(store.spansNodes).toBe(false);
  });
});
