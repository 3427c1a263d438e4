import { DEADLINE_MS, HeldItems } from '../../test/support/held-items.js';
import type { Holdings } from '../store/journal.js';
import { FaultyStore, type ProtocolMethod } from '../../test/support/faulty-store.js';
import { InstanceJournal } from './instance-journal.js';

const OPTIONS = { heartbeatMs: 100, lapseMs: 300 };

let group: HeldItems;
let store: FaultyStore;
let journal: InstanceJournal;
let calls: ProtocolMethod[];
let strays: Holdings[];

beforeEach(() => {
  group = new HeldItems();
  store = new FaultyStore(group.store);
  strays = [];
  journal = new InstanceJournal('me', group.clock, {
    ...OPTIONS,
    onStray: (_, holdings) => void strays.push(holdings),
  });
  calls = [];
  store.before = ({ method }) => void calls.push(method);
});

function enter(key: string): Promise<void> {
  const holdings = { address: group.address([key]), keys: [key] };
  return journal.enter(store, holdings, group.until);
}

const isAlive = async (): Promise<boolean> => {
  const { journal: shared } = group.store;
  return !(await shared.lapsed()).includes('me');
};

describe('the journal of an instance', () => {
  it('says that the instance lives before it notes anything (J1)', async () => {
    await Promise.all([enter('a'), enter('b')]);

    expect(calls).toEqual(['journal.beat', 'journal.enter', 'journal.enter']);
  });

  it('costs nothing as long as nothing is noted', async () => {
    await group.clock.advance(1000);

    expect(calls).toEqual([]);
    expect(group.clock.pending).toBe(0);
  });

  it('keeps saying that the instance lives', async () => {
    await enter('a');
    await group.clock.advance(1000);

    expect(calls.filter((method) => method === 'journal.beat')).toHaveLength(11);
    expect(await isAlive()).toBe(true);
  });

  it('goes on after heartbeats that failed', async () => {
    await enter('a');
    store.faultOf = ({ nth }) => (nth < 9 ? { kind: 'not-sent' } : undefined);
    await group.clock.advance(700);
    expect(await isAlive()).toBe(false);

    await group.clock.advance(100);
    expect(await isAlive()).toBe(true);
  });

  it('notes nothing where nobody could find out that the instance has died (J1)', async () => {
    store.faultOf = ({ method, nth }) =>
      method === 'journal.beat' && nth === 1 ? { kind: 'not-sent' } : undefined;

    await expect(enter('a')).rejects.toThrow('not sent');
    expect(calls).toEqual(['journal.beat']);

    await enter('a');
    expect(calls).toEqual(['journal.beat', 'journal.beat', 'journal.enter']);
  });

  it('strikes out what is finished', async () => {
    const holdings = { address: group.address(['a']), keys: ['a'] };
    await journal.enter(store, holdings, group.until);
    expect(await group.entriesOf('me')).toEqual([holdings]);

    await journal.leave(store, [holdings.address], group.until);

    expect(await group.entriesOf('me')).toEqual([]);
  });

  it('says so again before it notes anything after a silence (J1)', async () => {
    await enter('a');
    store.faultOf = ({ method, nth }) =>
      method === 'journal.beat' && nth < 6 ? { kind: 'not-sent' } : undefined;
    await group.clock.advance(450);
    expect(await isAlive()).toBe(false);
    store.faultOf = () => undefined;
    calls = [];

    await enter('b');
    expect(calls).toEqual(['journal.beat', 'journal.enter']);

    await group.clock.advance(1000);
    expect(calls.filter((method) => method === 'journal.beat')).toHaveLength(11);
  });

  describe('finds a note that came after its transaction was over', () => {
    async function enterLate(): Promise<Holdings> {
      await enter('a');
      const holdings = { address: group.address(['b']), keys: ['b'] };
      store.faultOf = ({ method }) => (method === 'journal.enter' ? { kind: 'late' } : undefined);
      await journal.enter(store, holdings, group.until).catch(() => undefined);
      store.faultOf = () => undefined;
      await journal.leave(store, [holdings.address], group.until);
      await store.deliverLate();
      return holdings;
    }

    it('once its deadline is over, and hands it on once', async () => {
      const late = await enterLate();
      await group.clock.advance(DEADLINE_MS - 1);
      expect(strays).toEqual([]);

      await group.clock.advance(20 * OPTIONS.heartbeatMs);
      expect(strays).toEqual([late]);

      await group.clock.advance(20 * OPTIONS.heartbeatMs);
      expect(strays).toHaveLength(1);
    });

    it('again where it comes once more', async () => {
      const late = await enterLate();
      await group.clock.advance(20 * OPTIONS.heartbeatMs);
      await journal.leave(store, [late.address], group.until);
      await group.store.journal.enter('me', late);
      await group.clock.advance(20 * OPTIONS.heartbeatMs);

      expect(strays).toEqual([late, late]);
    });
  });

  it('falls silent when it is closed', async () => {
    await enter('a');

    journal.close();
    await group.clock.advance(1000);

    expect(await isAlive()).toBe(false);
    expect(group.clock.pending).toBe(0);
  });

  it('falls silent when it is closed while a heartbeat is under way', async () => {
    await enter('a');
    store.before = () => journal.close();
    await group.clock.advance(1000);

    expect(group.clock.pending).toBe(0);
  });
});
