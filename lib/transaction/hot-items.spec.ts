import type { StoredItem } from '../store/stored-item.js';
import type { CommitItem, ReadReply } from '../store/versioned-store.js';
import { EmbeddedTurnKeeper } from '../store/embedded/embedded-turn-keeper.js';
import { ManualClock } from '../testing/manual-clock.js';
import { watch, type Answer } from '../../test/support/scripted-store.js';
import { Contender } from './contender.js';
import { HotUse } from './hot-item.js';
import { HotItems } from './hot-items.js';

const change = (payload: string) =>
  ({ kind: 'write', counters: '', payload, ttlMs: undefined }) as const;

function write(key: string, expected: string | undefined, payload = '"new"'): CommitItem {
  return { key, expected, change: change(payload) };
}

function asStored(version: string, payload = '"old"'): StoredItem {
  return { kind: 'item', version, lock: undefined, counters: '', payload };
}

describe('items that transactions of one process contend for', () => {
  let clock: ManualClock;
  let hot: HotItems;
  let begun: number;

  beforeEach(() => {
    clock = new ManualClock();
    hot = new HotItems({ clock, random: () => 1, processTag: 'me' });
    begun = 0;
  });

  const use = (startedAt = ++begun): HotUse => new HotUse(`me${++begun}`, startedAt);

  function heat(...keys: string[]): void {
    for (const key of keys) {
      const items = [write(key, '1.me0')];
      hot.concluded({ status: 'conflict', index: 0, found: '2.me1' }, items);
    }
  }

  const known = (key: string): StoredItem | undefined => hot.known(use(), key);

  /** Whether a promise has resolved by now. */
  async function isDone(waiting: Promise<void> | undefined): Promise<boolean> {
    let done = waiting === undefined;
    void waiting?.then(() => (done = true));
    await clock.advance(0);
    return done;
  }

  it('are none before a commit is refused, and none a second after the last one waited', async () => {
    expect(hot.isQuiet).toBe(true);
    heat('a');
    expect([hot.isQuiet, hot.isHot('a'), hot.isHot('b')]).toEqual([false, true, false]);

    const one = use();
    expect(hot.take(one, ['a', 'b'])).toBeUndefined();
    await clock.advance(1001);
    hot.leave(one);

    expect(hot.isQuiet).toBe(true);
  });

  it('stay hot as long as one follows the other, though nobody has to wait', async () => {
    heat('a');
    let before: HotUse | undefined;
    for (let nth = 0; nth < 3; nth++) {
      const next = use();
      await clock.advance(700);
      expect(hot.take(next, ['a'])).toBeUndefined();
      hot.sent(next, [write('a', '4.x')]);
      if (before !== undefined) hot.answered(before, true);
      before = next;
    }

    expect(hot.isHot('a')).toBe(true);
  });

  it('pass from one to the next once its commit is sent, with what it has written', async () => {
    heat('a');
    const [one, two] = [use(), use()];
    expect(hot.take(one, ['a'])).toBeUndefined();
    hot.learn('a', asStored('4.x'));
    const waiting = hot.take(two, ['a']);
    expect(await isDone(waiting)).toBe(false);

    hot.sent(one, [write('a', '4.x', '"one"')]);

    expect(await isDone(waiting)).toBe(true);
    expect(known('a')).toMatchObject({ version: `5.${one.id}`, payload: '"one"' });
    expect(hot.counts).toMatchObject({ waits: 1, handOvers: 1 });
  });

  it('are read from the store after a change whose outcome depends on what stands there', () => {
    heat('a', 'b', 'c');
    const one = use();
    for (const key of ['a', 'b', 'c']) hot.learn(key, asStored('4.x'));

    hot.sent(one, [
      write('a', undefined),
      { key: 'b', expected: '4.x', change: { kind: 'delete' } },
      {
        key: 'c',
        expected: undefined,
        change: { kind: 'increment', increments: [], ttlMs: undefined },
      },
    ]);

    expect(['a', 'b', 'c'].map((key) => known(key))).toEqual([undefined, undefined, undefined]);
  });

  it('are not learnt from the store while something is under way, nor under a lock, nor absent', () => {
    heat('a');
    const one = use();
    hot.learn('a', { ...asStored('4.x'), lock: 'somebody' });
    expect(known('a')).toBeUndefined();
    hot.learn('a', asStored('0.x', ''));
    expect(known('a')).toBeUndefined();
    hot.sent(one, [write('a', undefined)]);
    hot.learn('a', asStored('4.x'));
    expect(known('a')).toBeUndefined();
    hot.answered(one, true);
    hot.learn('a', asStored('5.y'));
    expect(known('a')).toMatchObject({ version: '5.y' });
  });

  it('are given to nobody after a failure until all that was sent is answered', async () => {
    heat('a');
    const [one, two, three] = [use(), use(), use()];
    void hot.take(one, ['a']);
    hot.sent(one, [write('a', '4.x')]);
    void hot.take(two, ['a']);
    hot.sent(two, [write('a', `5.${one.id}`)]);
    hot.answered(one, false);
    const waiting = hot.take(three, ['a']);

    expect(await isDone(waiting)).toBe(false);
    expect(known('a')).toBeUndefined();
    hot.answered(two, false);
    expect(await isDone(waiting)).toBe(true);
    expect(known('a')).toBeUndefined();
    expect(hot.counts.brokenChains).toBe(1);
  });

  it('are not handed over by whoever sends a commit that builds on a failed one', async () => {
    heat('a');
    const [one, two] = [use(), use()];
    void hot.take(one, ['a']);
    hot.sent(one, [write('a', '4.x')]);
    const other = use();
    hot.sent(other, [write('a', `5.${one.id}`)]);
    hot.answered(one, false);
    hot.sent(two, [write('a', `5.${one.id}`)]);

    expect(known('a')).toBeUndefined();
    hot.answered(other, false);
    hot.answered(two, false);
  });

  it('do not keep whoever built on whom once it is over', () => {
    heat('a');
    const [one, two] = [use(), use()];
    hot.sent(one, [write('a', '4.x')]);
    expect(hot.known(two, 'a')).toMatchObject({ version: `5.${one.id}` });
    expect(two.builtOn).toEqual([one]);

    hot.leave(two);

    expect(two.builtOn).toBeUndefined();
  });

  it('may have been read before they were overtaken by whoever changes nothing', () => {
    heat('a');
    const one = use();
    hot.sent(one, [write('a', '4.x')]);
    const reader = new Contender(hot, { id: 'me77', startedAt: 0, takesTurns: true });
    const read = { key: 'a', expected: '4.x', change: undefined };

    expect(reader.refusalOf([read])).toBeUndefined();
    expect(reader.refusalOf([read, write('b', '1.y')])).toMatchObject({ status: 'conflict' });
  });

  it('tell at once who builds on what has failed, or has been overtaken', () => {
    heat('a');
    const [one, two] = [use(), use()];
    hot.sent(one, [write('a', '4.x')]);
    const built = [write('a', `5.${one.id}`)];
    const overtaken = [{ key: 'a', expected: '4.x', change: undefined }];
    expect(hot.findStale(built)).toBeUndefined();
    expect(hot.findStale(overtaken)).toEqual({ index: 0, found: `5.${one.id}` });
    expect(hot.findStale([write('a', undefined), write('b', '4.x')])).toBeUndefined();

    hot.answered(one, false);

    expect(hot.findStale(built)).toEqual({ index: 0, found: '0' });
    expect(hot.findStale(overtaken)).toBeUndefined();
    hot.leave(two);
  });

  it('go to the elder first', async () => {
    heat('a');
    const holder = use();
    void hot.take(holder, ['a']);
    const [younger, elder] = [use(20), use(10)];
    const order: string[] = [];
    void hot.take(younger, ['a'])!.then(() => order.push('younger'));
    void hot.take(elder, ['a'])!.then(() => order.push('elder'));

    hot.leave(holder);
    await clock.advance(0);
    hot.leave(elder);
    await clock.advance(0);

    expect(order).toEqual(['elder', 'younger']);
  });

  it('are not waited for in a circle', async () => {
    heat('a', 'b');
    const [one, two] = [use(), use()];
    void hot.take(one, ['a']);
    void hot.take(two, ['b']);
    const waiting = hot.take(one, ['b']);

    expect(await isDone(waiting)).toBe(false);
    expect(hot.take(two, ['a'])).toBeUndefined();
    hot.leave(two);
    expect(await isDone(waiting)).toBe(true);
  });

  it('are waited for no longer than a lease', async () => {
    heat('a');
    const [slow, next] = [use(), use()];
    void hot.take(slow, ['a']);
    const waiting = hot.take(next, ['a']);

    await clock.advance(24);
    expect(await isDone(waiting)).toBe(false);
    await clock.advance(80);

    expect(await isDone(waiting)).toBe(true);
    hot.leave(slow);
    expect(await isDone(hot.take(use(), ['a']))).toBe(false);
  });

  it('let go whoever waits no more', async () => {
    heat('a');
    const [holder, gone] = [use(), use()];
    void hot.take(holder, ['a']);
    const waiting = hot.take(gone, ['a']);

    hot.leave(gone);
    expect(await isDone(waiting)).toBe(true);
    hot.leave(holder);

    expect(hot.take(use(), ['a'])).toBeUndefined();
  });

  it('are left alone for a moment after another process was faster', async () => {
    hot.concluded({ status: 'conflict', index: 0, found: '2.other' }, [write('a', '1.me0')]);
    const waiting = hot.take(use(), ['a']);

    expect(await isDone(waiting)).toBe(false);
    await clock.advance(1);
    expect(await isDone(waiting)).toBe(true);
  });

  it('are forgotten where a commit over several nodes has written them', () => {
    heat('a');
    hot.learn('a', asStored('4.x'));
    hot.overwritten([write('a', '4.x')]);

    expect(known('a')).toBeUndefined();
  });
});

describe('items that transactions of other processes want, too', () => {
  const LEASES = { leaseMs: 60_000, graceMs: 60_000 };
  let clock: ManualClock;
  let keeper: EmbeddedTurnKeeper;
  let stored: Map<string, StoredItem>;
  let reads: (readonly string[])[];
  let hot: HotItems;
  let begun: number;

  beforeEach(async () => {
    clock = new ManualClock();
    keeper = new EmbeddedTurnKeeper(clock);
    stored = new Map();
    reads = [];
    begun = 0;
    const read = (keys: readonly string[]): Promise<ReadReply> => {
      reads.push(keys);
      const items = keys.map((key) => stored.get(key));
      return Promise.resolve({ items, moment: 1, locked: false });
    };
    hot = new HotItems({ clock, random: () => 1, processTag: 'me', shared: { keeper, read } });
    await keeper.take({ process: 'other', ...LEASES });
  });

  const use = (): HotUse => new HotUse(`me${++begun}`, begun);

  function lose(...keys: string[]): void {
    for (const key of keys) {
      const items = [write(key, '1.me0')];
      hot.concluded({ status: 'conflict', index: 0, found: '2.other1' }, items);
    }
  }

  /** The other process passes the turn. */
  async function othersPass(): Promise<void> {
    await keeper.pass({ process: 'other', ...LEASES }, false);
    await clock.advance(4);
  }

  const taking = (user: HotUse, ...keys: string[]): Answer =>
    watch(hot.take(user, keys) ?? Promise.resolve());

  it('wait until this process has the turn, and other hot items do not', async () => {
    lose('a');
    hot.concluded({ status: 'conflict', index: 0, found: '2.me1' }, [write('b', '1.me0')]);
    const [shared, own] = [taking(use(), 'a'), taking(use(), 'b')];
    await clock.advance(20);
    expect([shared, own]).toEqual([{}, { value: undefined }]);

    await othersPass();

    expect(shared).toHaveProperty('value');
    expect(hot.counts).toMatchObject({ processTurns: 1 });
    expect(hot.counts.processTurnWaitedMs).toBeGreaterThan(15);
  });

  it('start from what the store says when the turn has come, read in one step', async () => {
    lose('a', 'b');
    stored.set('a', asStored('7.other5'));
    stored.set('b', asStored('8.other6'));
    const [one, two] = [use(), use()];
    const answers = [taking(one, 'a'), taking(two, 'b')];
    await othersPass();

    expect(answers.every((answer) => 'value' in answer)).toBe(true);
    expect(reads).toEqual([['a', 'b']]);
    expect(hot.known(one, 'a')).toEqual(asStored('7.other5'));
    expect(hot.known(two, 'b')).toEqual(asStored('8.other6'));
  });

  it('are given though they could not be read', async () => {
    lose('a');
    const answer = taking(use(), 'a');
    stored.get = () => {
      throw new Error('no');
    };
    await othersPass();

    expect(answer).toHaveProperty('value');
  });

  it('are wanted here alone once nobody else has changed them for a second', async () => {
    lose('a');
    await othersPass();
    const first = use();
    await clock.advance(0);
    const answer = taking(first, 'a');
    await clock.advance(4);
    expect(answer).toHaveProperty('value');
    await keeper.take({ process: 'other', ...LEASES });
    await clock.advance(900);
    hot.concluded({ status: 'conflict', index: 0, found: '3.me4' }, [write('a', '2.me0')]);
    await clock.advance(101);
    hot.leave(first);

    expect(hot.isHot('a')).toBe(true);
    expect(hot.take(use(), ['a'])).toBeUndefined();
  });

  it('stay shared as long as others change them', async () => {
    lose('a');
    await clock.advance(900);
    hot.learn('a', asStored('3.other4'));
    await clock.advance(900);

    const answer = taking(use(), 'a');
    await clock.advance(10);
    expect(answer).toEqual({});
  });

  it('go on being given to those who hold others when the slice is over', async () => {
    lose('a', 'b');
    await othersPass();
    const [one, two] = [use(), use()];
    taking(one, 'a');
    await clock.advance(4);
    await keeper.take({ process: 'other', ...LEASES });
    // The slice is over, and `a` is still held.
    await clock.advance(16);
    const [further, fresh] = [taking(one, 'b'), taking(two, 'b')];
    await clock.advance(2);

    expect(further).toHaveProperty('value');
    expect(fresh).toEqual({});
  });
});
