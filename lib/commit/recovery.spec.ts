import { DEADLINE_MS, HeldItems } from '../../test/support/held-items.js';
import { FaultyStore } from '../../test/support/faulty-store.js';
import {
  printAddress,
  recordKeyOf,
  type TransactionAddress,
} from '../store/transaction-address.js';
import { Recovery } from './recovery.js';

const LAPSE_MS = 300;

let group: HeldItems;
let store: FaultyStore;

beforeEach(async () => {
  group = new HeldItems();
  store = new FaultyStore(group.store);
  for (const key of ['a', 'b', 'c']) group.store.setForeign(key, `4.w||"old"`);
  await group.store.journal.beat('dead', LAPSE_MS);
});

async function recover({ batch = 10, rounds = 1, by = 'me' } = {}) {
  const recovery = new Recovery(store, group, { batch, instance: by });
  for (let round = 1; round < rounds; round++) await recovery.recover(group.until);
  return recovery.recover(group.until);
}

/** A transaction of the dead instance that holds these keys. */
async function leaveBehind(...keys: string[]): Promise<TransactionAddress> {
  const address = group.address(keys);
  await group.store.journal.enter('dead', { address, keys });
  return address;
}

async function entries(): Promise<number> {
  return (await group.entriesOf('dead')).length;
}

describe('recovery', () => {
  it('applies what a dead instance has committed, and lets its record expire', async () => {
    const address = await leaveBehind('a', 'b');
    await group.commit(address, await group.hold(address, ['a', 'b']));
    await group.clock.advance(LAPSE_MS);

    expect(await recover()).toEqual({ finished: 1, undecided: 0, failed: 0 });
    expect(['a', 'b'].map((key) => group.payloadOf(key))).toEqual(['"new"', '"new"']);
    expect(['a', 'b'].filter((key) => group.isLocked(key))).toEqual([]);
    expect(await entries()).toBe(0);
    expect(await group.store.journal.lapsed()).toEqual([]);
    await group.clock.advance(10_000);
    expect(group.store.peekRaw(recordKeyOf(address))).toBeUndefined();
  });

  it('releases what a dead instance has rolled back', async () => {
    const address = await leaveBehind('a');
    await group.hold(address, ['a']);
    await group.store.fence(address);
    await group.clock.advance(LAPSE_MS);

    expect(await recover()).toMatchObject({ finished: 1 });
    expect(group.store.peekRaw('a')).toBe('4.w||"old"');
  });

  it('leaves an undecided transaction alone until its deadline, then rolls it back (R1)', async () => {
    const address = await leaveBehind('a');
    await group.hold(address, ['a']);
    await group.clock.advance(LAPSE_MS);

    expect(await recover()).toEqual({ finished: 0, undecided: 1, failed: 0 });
    expect(group.isLocked('a')).toBe(true);
    expect(await group.store.journal.lapsed()).toEqual(['dead']);

    await group.clock.advance(DEADLINE_MS - LAPSE_MS);
    expect(await recover()).toEqual({ finished: 1, undecided: 0, failed: 0 });
    expect(await group.store.outcome(address)).toBe('rolled_back');
    expect(group.store.peekRaw('a')).toBe('4.w||"old"');
    expect(await group.store.journal.lapsed()).toEqual([]);
  });

  it('releases what is forgotten', async () => {
    const address = await leaveBehind('a');
    await group.hold(address, ['a']);
    await group.clock.advance(60_000);

    expect(await recover()).toMatchObject({ finished: 1 });
    expect(group.store.peekRaw('a')).toBe('4.w||"old"');
    expect(await group.store.outcome(address)).toBe('expired');
  });

  it('does not touch what an instance holds that lives', async () => {
    const address = await leaveBehind('a');
    await group.commit(address, await group.hold(address, ['a']));

    expect(await recover()).toEqual({ finished: 0, undecided: 0, failed: 0 });
    expect(group.isLocked('a')).toBe(true);
  });

  it('goes on until nothing is left, so many transactions at a time', async () => {
    for (const key of ['a', 'b', 'c']) {
      const address = await leaveBehind(key);
      await group.commit(address, await group.hold(address, [key]));
    }
    await group.clock.advance(LAPSE_MS);

    expect(await recover({ batch: 1 })).toEqual({ finished: 3, undecided: 0, failed: 0 });
    expect(await entries()).toBe(0);
  });

  it.each(['record', 'apply', 'retire'] as const)(
    'keeps the entry of a transaction whose %s failed, and finishes the others (R2)',
    async (method) => {
      for (const key of ['a', 'b']) {
        const address = await leaveBehind(key);
        await group.commit(address, await group.hold(address, [key]));
      }
      await group.clock.advance(LAPSE_MS);
      store.faultOf = (call) =>
        call.method === method && call.nth === 1 ? { kind: 'not-sent' } : undefined;

      expect(await recover()).toEqual({ finished: 1, undecided: 0, failed: 1 });
      expect(await entries()).toBe(1);
      expect(await group.store.journal.lapsed()).toEqual(['dead']);

      expect(await recover()).toEqual({ finished: 1, undecided: 0, failed: 0 });
      expect(['a', 'b'].filter((key) => group.isLocked(key))).toEqual([]);
      expect(await group.store.journal.lapsed()).toEqual([]);
    },
  );

  it('reaches what stands behind transactions that it has to leave alone', async () => {
    for (const key of ['a', 'b']) await group.hold(await leaveBehind(key), [key]);
    const address = await leaveBehind('c');
    await group.commit(address, await group.hold(address, ['c']));
    await group.clock.advance(LAPSE_MS);

    expect(await recover({ batch: 1 })).toEqual({ finished: 1, undecided: 2, failed: 0 });
    expect(['a', 'b', 'c'].filter((key) => group.isLocked(key))).toEqual(['a', 'b']);
  });

  it('reaches the instances behind one whose journal cannot be read, and tells of that one', async () => {
    await group.store.journal.beat('another', LAPSE_MS);
    const address = group.address(['a']);
    await group.store.journal.enter('another', { address, keys: ['a'] });
    await group.commit(address, await group.hold(address, ['a']));
    await group.clock.advance(LAPSE_MS);
    store.faultOf = ({ method, nth }) =>
      method === 'journal.entries' && nth === 1 ? { kind: 'not-sent' } : undefined;

    await expect(recover()).rejects.toThrow('not sent');

    expect(group.payloadOf('a')).toBe('"new"');
  });

  it('counts a note that nobody can read as failed, and keeps its instance', async () => {
    const { journal } = group.store;
    const entries = journal.entries.bind(journal);
    journal.entries = async (...args) => ({ ...(await entries(...args)), unreadable: 1 });
    const address = await leaveBehind('a');
    await group.commit(address, await group.hold(address, ['a']));
    await group.clock.advance(LAPSE_MS);

    expect(await recover()).toEqual({ finished: 1, undecided: 0, failed: 1 });
    expect(await journal.lapsed()).toEqual(['dead']);
  });

  it('reports a transaction that a fault keeps from being finished, once', async () => {
    const address = await leaveBehind('a');
    await group.commit(address, await group.hold(address, ['a']));
    await group.clock.advance(LAPSE_MS);
    group.store.record = () => Promise.reject(new SyntaxError('The record is broken.'));

    expect(await recover({ rounds: 2 })).toEqual({ finished: 0, undecided: 0, failed: 1 });
    expect(group.errors).toEqual([expect.stringContaining(printAddress(address))]);
    expect(group.isLocked('a')).toBe(true);
  });

  it('is left to whoever has begun it, as long as that one lives', async () => {
    await group.hold(await leaveBehind('a'), ['a']);
    await group.clock.advance(LAPSE_MS);
    expect(await recover({ by: 'first' })).toMatchObject({ undecided: 1 });

    expect(await recover({ by: 'second' })).toEqual({ finished: 0, undecided: 0, failed: 0 });
    expect(await recover({ by: 'first' })).toMatchObject({ undecided: 1 });

    await group.clock.advance(1500);
    expect(await recover({ by: 'second' })).toMatchObject({ finished: 1 });
  });

  it('may happen in two places at once', async () => {
    const address = await leaveBehind('a', 'b');
    await group.commit(address, await group.hold(address, ['a', 'b']));
    await group.clock.advance(LAPSE_MS);

    await Promise.all([recover(), recover()]);

    expect(group.store.peekRaw('a')).toBe(`5.${address.id}||"new"`);
    expect(group.store.peekRaw('b')).toBe(`5.${address.id}||"new"`);
    expect(await entries()).toBe(0);
  });

  it('fails where the journal cannot be read', async () => {
    store.crash();

    await expect(recover()).rejects.toThrow('crashed');
  });
});
