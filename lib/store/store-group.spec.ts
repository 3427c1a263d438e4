import { InvariantViolationError, StoreRefusedError } from '../errors/index.js';
import { ManualClock } from '../testing/manual-clock.js';
import { EmbeddedStore } from './embedded/embedded-store.js';
import { slotOf } from './hash-slot.js';
import { placeKey } from './placed-key.js';
import { StoreGroup } from './store-group.js';
import { cacheOfHome, printAddress, recordKeyOf } from './transaction-address.js';
import type { CommitItem } from './versioned-store.js';

const clock = new ManualClock();
const lifetime = { longestTimeoutMs: 60_000, marginMs: 1000, retentionMs: 250 };
const change = { kind: 'write', counters: '', payload: '{}', ttlMs: undefined } as const;
const [a, b] = ['thing:a', placeKey('other', 'thing:a')] as const;

function insert(key: string): CommitItem {
  return { key, expected: '0', change };
}

describe('a group of stores', () => {
  let store: EmbeddedStore;
  let other: EmbeddedStore;
  let group: StoreGroup;

  beforeEach(async () => {
    const options = { clock, lifetime, amongOthers: true };
    store = new EmbeddedStore({ ...options, name: 'default' });
    other = new EmbeddedStore({ ...options, name: 'other' });
    group = new StoreGroup(
      new Map([
        ['default', store],
        ['other', other],
      ]),
    );
    await group.open();
    await group.learn(clock.now() + 10);
  });

  const addressFor = (keys: readonly string[]) => {
    const home = group.homeOf(keys);
    return { id: 'tx-1', home, deadlineAtMs: group.toNodeTime(clock.now() + 5000, home) };
  };

  it('has each item in the store that its key names', async () => {
    store.setForeign('thing:a', '1.x||"here"');
    other.setForeign('thing:a', '2.y||"there"');

    const { items, moment, locked } = await group.read([b, a, b, 'thing:c'], 10);

    expect(items.map((item) => item?.kind === 'item' && item.payload)).toEqual([
      '"there"',
      '"here"',
      '"there"',
      false,
    ]);
    expect([moment, locked]).toEqual([undefined, false]);
    expect((await group.read([b], 10)).moment).toBeDefined();
    expect(group.nodeOf(a)).not.toBe(group.nodeOf(b));
  });

  it('keeps what a commit decides elsewhere in its record, in whichever store that lies', async () => {
    for (const [beside, elsewhere] of [
      [a, b],
      [b, a],
    ] as const) {
      const address = addressFor([beside]);
      const redo = [{ key: elsewhere, held: `0.1*${printAddress(address)}`, change }];
      const branches = [{ participant: 'orders', number: 1, payload: null }];
      const commit = { address, items: [insert(beside)], record: '"a":1', redo, branches };

      const reply = await group.commitOnePhase({ ...commit, sent: false }, clock.now() + 10);

      expect(reply.status).toBe('committed');
      expect(await group.record(address, clock.now() + 10)).toMatchObject({ redo, branches });
    }
  });

  it('refuses what was announced and is not recorded, in whichever store', async () => {
    for (const key of [a, b]) {
      const commit = { address: addressFor([key]), items: [insert(key)], record: '"a":1' };

      const reply = await group.commitOnePhase(
        { ...commit, announced: true, sent: false },
        clock.now() + 10,
      );

      expect(reply).toEqual({ status: 'rolled_back' });
    }
  });

  it('names in a home the cache of the record, beside the items where one step covers both', async () => {
    const [mine, theirs] = [await store.identity(), await other.identity()];

    expect(cacheOfHome(group.homeOf([a, 'thing:c']))).toBe(mine);
    expect(cacheOfHome(group.homeOf([b]))).toBe(theirs);
    expect(cacheOfHome(group.homeOf([a, b]))).toBe(mine);
    expect(cacheOfHome(group.homeOf([]))).toBe(mine);
  });

  it('has the record of items on several nodes of another store in the default one', async () => {
    const cluster = new EmbeddedStore({
      name: 'other',
      clock,
      lifetime,
      nodeOf: (key) => `other/${slotOf(key)}`,
    });
    const wide = new StoreGroup(
      new Map([
        ['default', store],
        ['other', cluster],
      ]),
    );
    await wide.learn(10);

    const [one, two] = ['{1}', '{2}'].map((key) => placeKey('other', key));

    expect(cacheOfHome(wide.homeOf([one!]))).toBe(await cluster.identity());
    expect(cacheOfHome(wide.homeOf([one!, two!]))).toBe(await store.identity());
  });

  it('commits in one step in another store, and keeps the record there', async () => {
    const address = addressFor([b]);
    const commit = { address, items: [insert(b)], record: '"r":1', sent: false };

    expect(await group.commitOnePhase(commit, 10)).toMatchObject({ status: 'committed' });

    expect(commit.sent).toBe(true);
    expect(other.peekRaw('thing:a')).toBe('1.tx-1||{}');
    expect(other.peekRaw(recordKeyOf(address))).toMatch(/^committed\|/);
    expect(await group.outcome(address, 10)).toBe('committed');
    expect(store.peekRaw(recordKeyOf(address))).toBeUndefined();
  });

  it('holds and writes an item of another store for a record of the default one', async () => {
    const address = addressFor([a, b]);
    const reply = await group.prepare({ address, marked: false, items: [insert(b)] }, 10);
    const [held] = reply.status === 'prepared' ? reply.heads : [];
    const redo = [{ key: b, held: held!, change }];
    expect(other.peekRaw('thing:a')).toContain(printAddress(address));

    await group.commitOnePhase({ address, items: [insert(a)], record: '', redo, sent: false }, 10);
    const record = await group.record(address, 10);

    expect(record?.redo).toEqual(redo);
    expect(await group.apply(address, record!.redo, 10)).toEqual(['applied']);
    expect([store.peekRaw('thing:a'), other.peekRaw('thing:a')]).toEqual([
      '1.tx-1||{}',
      '1.tx-1||{}',
    ]);
  });

  it('takes no step over two stores', () => {
    const address = addressFor([a, b]);

    expect(() => group.release(address, [a, b], 10)).toThrow(InvariantViolationError);
  });

  it('knows the homes and items of its own stores, and of no others', async () => {
    const alone = new EmbeddedStore({ name: 'default', clock, lifetime });
    const address = addressFor([a, b]);

    expect([await group.isHome(address, 10), await alone.isHome(address)]).toEqual([true, false]);
    expect([group.holds(a), group.holds(b), group.holds('@none/a')]).toEqual([true, true, false]);
    expect([alone.holds(a), alone.holds(b)]).toEqual([true, false]);
  });

  it('refuses two names for one cache', async () => {
    const twice = new EmbeddedStore({ name: 'twice', clock, lifetime });
    twice.identity = () => store.identity();
    const both = new StoreGroup(
      new Map([
        ['default', store],
        ['twice', twice],
      ]),
    );

    await expect(both.learn(10)).rejects.toThrow(StoreRefusedError);
  });
});
