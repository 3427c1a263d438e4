import { DEADLINE_MS, HeldItems } from '../../test/support/held-items.js';
import { LockSettler } from './lock-settler.js';

let group: HeldItems;
let settler: LockSettler;

beforeEach(() => {
  group = new HeldItems();
  settler = new LockSettler(group.finisher);
  for (const key of ['a', 'b', 'c']) group.store.setForeign(key, `4.w||"old"`);
});

async function read(...keys: string[]) {
  const reply = await group.store.read(keys);
  const readable = await settler.readPast(group.store, keys, reply, group.until);
  const values = readable.items.map((item) => (item?.kind === 'item' ? item.payload : item));
  return { values, moment: readable.moment, original: reply.moment, locked: readable.locked };
}

describe('a reader who meets the lock', () => {
  it('of a committed transaction applies it and reads the new value (F1)', async () => {
    const address = group.address(['a']);
    await group.commit(address, await group.hold(address, ['a', 'b']));

    expect(await read('a')).toMatchObject({ values: ['"new"'], locked: false });
    expect(group.store.peekRaw('a')).toBe(`5.${address.id}||"new"`);
    expect(group.isLocked('b')).toBe(true);
  });

  it('of a transaction that is rolled back releases it and reads the old value (F1)', async () => {
    const address = group.address(['a']);
    await group.hold(address, ['a']);
    await group.store.fence(address);

    expect(await read('a')).toMatchObject({ values: ['"old"'], locked: false });
    expect(group.store.peekRaw('a')).toBe('4.w||"old"');
  });

  it('of an undecided transaction reads the old value and leaves it alone (F2)', async () => {
    const address = group.address(['a']);
    await group.hold(address, ['a']);
    const standing = group.store.peekRaw('a');

    const { values, moment, original, locked } = await read('a');

    expect([values, locked]).toEqual([['"old"'], false]);
    expect(moment).toBe(original);
    expect(moment).toBeDefined();
    expect(group.store.peekRaw('a')).toBe(standing);
    expect(await group.store.outcome(address)).toBe('undecided');
  });

  it('of one that must still validate has to validate himself', async () => {
    await group.hold(group.address(['a']), ['a'], { marked: true });

    expect(await read('a')).toMatchObject({ values: ['"old"'], moment: undefined, locked: false });
  });

  it('of a transaction past its deadline rolls it back for good (F2)', async () => {
    const address = group.address(['a']);
    const held = await group.hold(address, ['a', 'b']);
    await group.clock.advance(DEADLINE_MS);

    expect(await read('a', 'b')).toMatchObject({ values: ['"old"', '"old"'] });
    expect(await group.store.outcome(address)).toBe('rolled_back');
    expect(['a', 'b'].filter((key) => group.isLocked(key))).toEqual([]);
    await expect(group.commit(address, held)).rejects.toThrow('rolled_back');
  });

  it('of a transaction that is forgotten releases it (F3)', async () => {
    const address = group.address(['a']);
    await group.hold(address, ['a']);
    await group.clock.advance(DEADLINE_MS + 10_000);

    expect(await read('a')).toMatchObject({ values: ['"old"'] });
    expect(group.store.peekRaw('a')).toBe('4.w||"old"');
    expect(await group.store.outcome(address)).toBe('expired');
  });

  it('that came too late releases it, though its transaction is committed (F3)', async () => {
    const address = group.address(['a']);
    const held = await group.hold(address, ['a']);
    await group.commit(address, held);
    await group.store.apply(address, held);
    await group.hold(address, ['a', 'c']);

    expect(await read('a', 'c')).toMatchObject({ values: ['"new"', '"old"'] });
    expect(group.store.peekRaw('a')).toBe(`5.${address.id}||"new"`);
    expect(group.store.peekRaw('c')).toBe('4.w||"old"');
  });

  it('on an absent item reads that there is none', async () => {
    await group.hold(group.address(['new']), ['new']);

    expect(await read('new')).toMatchObject({ values: [undefined], locked: false });
  });
});

describe('locks of several transactions', () => {
  it('are each judged by the record of their own', async () => {
    const [committed, undecided, rolledBack] = [['a'], ['b'], ['c']].map((keys) =>
      group.address(keys),
    );
    await group.commit(committed!, await group.hold(committed!, ['a']));
    await group.hold(undecided!, ['b']);
    await group.hold(rolledBack!, ['c']);
    await group.store.fence(rolledBack!);

    expect(await read('a', 'b', 'c')).toMatchObject({ values: ['"new"', '"old"', '"old"'] });
    expect(['a', 'b', 'c'].filter((key) => group.isLocked(key))).toEqual(['b']);
  });

  it('are settled under their keys where they can be, whoever reads', async () => {
    const [committed, undecided] = [group.address(['a']), group.address(['b'])];
    await group.commit(committed, await group.hold(committed, ['a']));
    await group.hold(undecided, ['b']);

    await settler.settleKeys(group.store, ['a', 'b', 'c'], group.until);

    expect(['a', 'b', 'c'].map((key) => group.payloadOf(key))).toEqual(['"new"', '"old"', '"old"']);
    expect(['a', 'b', 'c'].filter((key) => group.isLocked(key))).toEqual(['b']);
  });
});
