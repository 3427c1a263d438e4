import { HeldItems } from '../../test/support/held-items.js';
import { FaultyStore, type ProtocolMethod } from '../../test/support/faulty-store.js';
import { InstanceJournal } from './instance-journal.js';

const OPTIONS = { heartbeatMs: 100, lapseMs: 300 };

let group: HeldItems;
let store: FaultyStore;
let journal: InstanceJournal;
let calls: ProtocolMethod[];

beforeEach(() => {
  group = new HeldItems();
  store = new FaultyStore(group.store);
  journal = new InstanceJournal('me', group.clock, OPTIONS);
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

    await journal.leave(store, holdings.address, group.until);

    expect(await group.entriesOf('me')).toEqual([]);
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
