import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { DEADLINE_MS, HeldItems } from '../../test/support/held-items.js';
import { FaultyStore, type ProtocolMethod } from '../../test/support/faulty-store.js';
import { InvariantViolationError } from '../errors/index.js';
import { Branch } from '../participants/branch.js';
import type { Enlisted } from '../participants/participant.js';
import { printAddress } from '../store/transaction-address.js';
import { COMMIT_CHANNELS } from './commit-events.js';
import { FinishingWork } from './finishing-work.js';
import { InstanceJournal } from './instance-journal.js';

let group: HeldItems;
let store: FaultyStore;
let finishing: FinishingWork;
let calls: ProtocolMethod[];

beforeEach(() => {
  group = new HeldItems();
  store = new FaultyStore(group.store);
  const { clock, finisher, events } = group;
  const journal = new InstanceJournal('me', clock, {
    heartbeatMs: 100,
    lapseMs: 300,
    onStray: () => undefined,
  });
  finishing = new FinishingWork({ clock, journal, finisher, events });
  for (const key of ['a', 'b']) group.store.setForeign(key, `4.w||"old"`);
  calls = [];
  store.before = ({ method }) => void calls.push(method);
});

async function committed() {
  const address = group.address(['a']);
  const held = await group.hold(address, ['a', 'b']);
  await group.commit(address, held);
  return { address, held };
}

describe('what is left of a committed transaction', () => {
  it('is applied before its record may expire, and before the journal forgets it', async () => {
    const { address, held } = await committed();
    void finishing.apply(store, { address, redo: held });
    await group.clock.advance(0);

    expect(calls).toEqual(['apply', 'apply']);
    expect(['a', 'b'].map((key) => group.payloadOf(key))).toEqual(['"new"', '"new"']);
    await group.clock.advance(50);
    expect(calls.slice(2)).toEqual(['retire', 'journal.leave']);
  });

  it('is forgotten by the journal together with that of others', async () => {
    for (let nth = 0; nth < 3; nth++) {
      const { address, held } = await committed();
      void finishing.apply(store, { address, redo: held });
      await group.clock.advance(1);
    }
    await group.clock.advance(50);

    expect(calls.filter((method) => method === 'retire')).toHaveLength(3);
    expect(calls.filter((method) => method === 'journal.leave')).toHaveLength(1);
  });

  it.each(['apply', 'retire', 'journal.leave'] as const)(
    'is done again until %s succeeds',
    async (method) => {
      const { address, held } = await committed();
      store.faultOf = (call) =>
        call.method === method && call.nth <= 3 ? { kind: 'not-sent' } : undefined;
      void finishing.apply(store, { address, redo: held });
      await group.clock.advance(2000);

      expect(calls.at(-1)).toBe('journal.leave');
      expect(['a', 'b'].map((key) => group.payloadOf(key))).toEqual(['"new"', '"new"']);
      expect(group.clock.pending).toBe(0);
    },
  );

  it('has one more try when the instance ends', async () => {
    const { address, held } = await committed();
    store.faultOf = ({ number }) => (number === 1 ? { kind: 'not-sent' } : undefined);
    void finishing.apply(store, { address, redo: held });
    await group.clock.advance(0);
    expect(group.clock.pending).toBe(1);

    await finishing.close();

    expect(group.clock.pending).toBe(0);
    expect(calls.at(-1)).toBe('journal.leave');
  });

  it('is left to others where the last try fails too', async () => {
    const { address, held } = await committed();
    store.crash();
    void finishing.apply(store, { address, redo: held });

    await finishing.close();

    expect(group.isLocked('a')).toBe(true);
    expect(group.clock.pending).toBe(0);
  });
});

describe('a fault', () => {
  const fault = new InvariantViolationError('The step answered rubbish.');
  const told: unknown[] = [];
  const listener = (event: unknown): void => void told.push(event);

  beforeEach(() => {
    told.length = 0;
    subscribe(COMMIT_CHANNELS.unfinished, listener);
  });

  afterEach(() => unsubscribe(COMMIT_CHANNELS.unfinished, listener));

  it('that keeps a commit from being applied is reported, and not tried again', async () => {
    const { address, held } = await committed();
    const apply = group.store.apply.bind(group.store);
    group.store.apply = async (given, items) => {
      if (items[0]!.key === 'a') throw fault;
      return apply(given, items);
    };
    void finishing.apply(store, { address, redo: held });
    await group.clock.advance(10_000);

    expect(calls).toEqual(['apply', 'apply']);
    expect(told).toEqual([
      { transaction: address.id, address: printAddress(address), error: fault },
    ]);
    expect(group.errors).toEqual([expect.stringContaining(printAddress(address))]);
    expect(group.payloadOf('b')).toBe('"new"');
    expect(await group.store.outcome(address)).toBe('committed');
  });

  it('that keeps an outcome from being learnt is reported, and not tried again', async () => {
    const address = group.address(['a']);
    await group.hold(address, ['a']);
    group.store.fence = () => Promise.reject(fault);
    await finishing.rollBack(store, { address, keys: ['a'] }, group.until);
    await group.clock.advance(10_000);

    expect(told).toHaveLength(1);
    expect(group.clock.pending).toBe(0);
  });
});

describe('a participant that cannot finish its branch', () => {
  const cause = new Error('There is no such account.');
  const told: unknown[] = [];
  const listener = (event: unknown): void => void told.push(event);
  let tries: number;

  function branchThatFails(times: number): Enlisted {
    const step = async (): Promise<void> => {
      if (++tries <= times) throw cause;
    };
    const capabilities = { decides: false, prepares: true };
    return {
      participant: { name: 'payments', capabilities, prepare: step, commit: step, rollback: step },
      branch: new Branch('payments', 1, undefined),
    };
  }

  beforeEach(() => {
    tries = 0;
    told.length = 0;
    subscribe(COMMIT_CHANNELS.delayed, listener);
  });

  afterEach(() => unsubscribe(COMMIT_CHANNELS.delayed, listener));

  it('is told of once, with the reason, and asked again until it does', async () => {
    const { address, held } = await committed();
    void finishing.apply(store, { address, redo: held, branches: [branchThatFails(100)] });
    await group.clock.advance(60_000);

    expect(tries).toBe(101);
    expect(calls.at(-1)).toBe('journal.leave');
    expect(told).toEqual([
      {
        transaction: address.id,
        address: printAddress(address),
        error: expect.objectContaining({ name: 'ParticipantUnavailableError', cause }),
      },
    ]);
    expect(group.errors).toEqual([expect.stringContaining(printAddress(address))]);
    expect(group.errors[0]).toContain(cause.message);
  });

  it('is not told of when it succeeds soon', async () => {
    const { address, held } = await committed();
    void finishing.apply(store, { address, redo: held, branches: [branchThatFails(5)] });
    await group.clock.advance(60_000);

    expect(calls.at(-1)).toBe('journal.leave');
    expect(told).toEqual([]);
  });
});

describe('a transaction that must not commit', () => {
  it('is recorded as rolled back before its locks go', async () => {
    const address = group.address(['a']);
    const held = await group.hold(address, ['a', 'b']);
    const locks: boolean[] = [];
    store.before = ({ method }) => {
      if (method === 'fence') locks.push(group.isLocked('a'), group.isLocked('b'));
    };
    await finishing.rollBack(store, { address, keys: ['a', 'b'] }, group.until);

    expect(locks).toEqual([true, true]);
    expect(['a', 'b'].map((key) => group.store.peekRaw(key))).toEqual(['4.w||"old"', '4.w||"old"']);
    await expect(group.commit(address, held)).rejects.toThrow('rolled_back');
  });

  it('keeps its locks as long as nobody could record that', async () => {
    const address = group.address(['a']);
    await group.hold(address, ['a']);
    store.faultOf = ({ nth }) => (nth <= 3 ? { kind: 'not-sent' } : undefined);
    await finishing.rollBack(store, { address, keys: ['a'] }, group.until);

    expect(calls.includes('release')).toBe(false);
    expect(group.isLocked('a')).toBe(true);

    await group.clock.advance(1000);
    expect(group.store.peekRaw('a')).toBe('4.w||"old"');
    expect(await group.store.outcome(address)).toBe('rolled_back');
  });
});

describe('a transaction whose outcome nobody could tell', () => {
  it('is applied where it turns out to be committed', async () => {
    const { address } = await committed();
    finishing.settle(store, { address, keys: ['a', 'b'] });
    await group.clock.advance(0);

    expect(['a', 'b'].map((key) => group.payloadOf(key))).toEqual(['"new"', '"new"']);
    expect(calls.slice(-2)).toEqual(['retire', 'journal.leave']);
  });

  it('is released where it is forgotten', async () => {
    const address = group.address(['a']);
    await group.hold(address, ['a']);
    await group.clock.advance(DEADLINE_MS + 1000);
    finishing.settle(store, { address, keys: ['a'] });
    await group.clock.advance(0);

    expect(group.store.peekRaw('a')).toBe('4.w||"old"');
    expect(await group.store.outcome(address)).toBe('expired');
  });
});
