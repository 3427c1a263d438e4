import { HeldItems } from '../../test/support/held-items.js';
import { FaultyStore } from '../../test/support/faulty-store.js';
import { EmbeddedStore } from '../store/embedded/embedded-store.js';
import { ParticipantRegistry } from '../participants/participant-registry.js';
import type { VersionedStore } from '../store/versioned-store.js';
import { RecoveryService, type RecoveryServiceOptions } from './recovery-service.js';

const LAPSE_MS = 300;
const OPTIONS = { enabled: true, intervalMs: 1000, batch: 10, timeoutMs: 500 };

let group: HeldItems;
let store: FaultyStore;
let warnings: string[];
let rounds: number;

beforeEach(() => {
  group = new HeldItems();
  store = new FaultyStore(group.store);
  warnings = [];
  rounds = 0;
  store.before = ({ method }) => {
    if (method === 'journal.lapsed') rounds++;
  };
});

function service(options: Partial<RecoveryServiceOptions> = {}, served: VersionedStore = store) {
  const setup = {
    instance: 'me',
    store: served,
    clock: group.clock,
    random: () => 0.5,
    events: group.events,
    participants: new ParticipantRegistry(),
  };
  const log = { warn: (message: string) => void warnings.push(message) };
  return new RecoveryService({ ...setup, log, options: { ...OPTIONS, ...options } });
}

async function leaveBehind(): Promise<void> {
  await group.store.journal.beat('dead', LAPSE_MS);
  const address = group.address(['a']);
  await group.store.journal.enter('dead', { address, keys: ['a'] });
  await group.commit(address, await group.hold(address, ['a']));
}

describe('recovery in the background', () => {
  it('finishes what is left behind, and says so', async () => {
    await leaveBehind();
    service().start();

    await group.clock.advance(999);
    expect([rounds, group.isLocked('a')]).toEqual([0, true]);
    await group.clock.advance(1);

    expect([rounds, group.isLocked('a')]).toEqual([1, false]);
    expect(warnings).toEqual(['Recovery finished 1 transactions of dead instances.']);
  });

  it('looks again after every pause, in silence where there is nothing', async () => {
    service().start();
    await group.clock.advance(5000);

    expect(rounds).toBe(5);
    expect(warnings).toEqual([]);
  });

  it('goes on after a round that failed, and says why', async () => {
    service().start();
    store.faultOf = ({ number }) => (number === 1 ? { kind: 'not-sent' } : undefined);
    await group.clock.advance(2000);

    expect(rounds).toBe(2);
    expect(warnings).toEqual([expect.stringContaining('journal.lapsed was not sent')]);
  });

  it('says once what could not be finished', async () => {
    await leaveBehind();
    service().start();
    store.faultOf = ({ method }) => (method === 'record' ? { kind: 'not-sent' } : undefined);
    await group.clock.advance(5000);

    expect(warnings).toEqual(['Recovery could not finish 1 transactions yet.']);
  });

  it('does not happen by itself where it is switched off', async () => {
    service({ enabled: false }).start();
    await group.clock.advance(5000);

    expect([rounds, group.clock.pending]).toEqual([0, 0]);
  });

  it('ends when it is closed', async () => {
    const recovery = service();
    recovery.start();
    await group.clock.advance(1000);

    await recovery.close();
    await group.clock.advance(5000);

    expect([rounds, group.clock.pending]).toEqual([1, 0]);
  });
});

describe('recovery when asked', () => {
  it('tells what it has done', async () => {
    await leaveBehind();
    await group.clock.advance(LAPSE_MS);

    expect(await service({ enabled: false }).recover()).toEqual({
      finished: 1,
      undecided: 0,
      failed: 0,
    });
  });

  it('joins a round that is under way, and begins another one afterwards', async () => {
    const recovery = service();
    const first = recovery.recover();

    expect(recovery.recover()).toBe(first);
    await first;
    await recovery.recover();

    expect(rounds).toBe(2);
  });

  it('begins another round after one that failed', async () => {
    const recovery = service();
    store.faultOf = ({ number }) => (number === 1 ? { kind: 'not-sent' } : undefined);

    await expect(recovery.recover()).rejects.toThrow('not sent');
    expect(await recovery.recover()).toEqual({ finished: 0, undecided: 0, failed: 0 });
  });

  it('asks no store in which one step covers everything', async () => {
    const lifetime = { longestTimeoutMs: 1000, marginMs: 100, retentionMs: 1000 };
    const single = new FaultyStore(
      new EmbeddedStore({ name: 'single', clock: group.clock, lifetime }),
    );

    await service({}, single).recover();

    expect(single.calls).toBe(0);
  });

  it('is awaited when it is closed', async () => {
    await leaveBehind();
    await group.clock.advance(LAPSE_MS);
    const recovery = service();
    void recovery.recover();

    await recovery.close();

    expect(group.isLocked('a')).toBe(false);
  });
});
