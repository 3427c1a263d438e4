import { MemoryCache } from '../../../test/support/memory-cache.js';
import { ManualClock } from '../../testing/manual-clock.js';
import type { TransactionAddress } from '../transaction-address.js';
import type { CommitItem, ItemChange, OnePhaseCommit } from '../versioned-store.js';
import { isOverAt } from './expiring-text.js';
import { SingleKeyStore } from './single-key-store.js';

const lifetime = { longestTimeoutMs: 60_000, marginMs: 1000, retentionMs: 1000 };
const until = 5000;
const write: ItemChange = { kind: 'write', counters: '', payload: 'new', ttlMs: undefined };

describe.each([
  { expires: true, losesEvery: Infinity },
  { expires: false, losesEvery: Infinity },
  { expires: true, losesEvery: 2 },
  { expires: false, losesEvery: 3 },
])('a store over a cache %o', (options) => {
  let clock: ManualClock;
  let cache: MemoryCache;
  let store: SingleKeyStore;
  let address: TransactionAddress;

  beforeEach(async () => {
    clock = new ManualClock();
    cache = new MemoryCache({ clock, ...options });
    store = new SingleKeyStore({ name: 'default', cache, clock, lifetime });
    await store.open();
    address = { id: 'tx-1', home: store.homeOf(), deadlineAtMs: clock.time() + until };
  });

  const announce = (): Promise<unknown> =>
    store.announce(
      { address, record: '', decider: undefined, branches: [], redo: undefined },
      until,
    );

  function decision(): OnePhaseCommit {
    return { address, items: [], record: '"op":"x"', announced: true, sent: false };
  }

  async function hold(key: string, expected = '0'): Promise<string> {
    const item: CommitItem = { key, expected, change: write };
    const reply = await store.prepare({ address, marked: false, items: [item] }, until);
    if (reply.status !== 'prepared') throw new Error(reply.status);
    return reply.heads[0]!;
  }

  it('announces, holds, decides and applies', async () => {
    expect(await announce()).toEqual({ status: 'announced' });
    const held = await hold('a');
    expect((await store.commitOnePhase(decision(), until)).status).toBe('committed');
    expect(await store.apply(address, [{ key: 'a', held, change: write }], until)).toEqual([
      'applied',
    ]);
    expect(cache.peekRaw('a')).toBe(':1.tx-1||new');
    expect(await store.outcome(address, until)).toBe('committed');
  });

  it('does not decide what was fenced', async () => {
    await announce();
    expect(await store.fence(address, until)).toBe('rolled_back');
    expect(await store.commitOnePhase(decision(), until)).toEqual({ status: 'rolled_back' });
  });

  it('refuses what was announced and is gone', async () => {
    expect(await store.commitOnePhase(decision(), until)).toEqual({ status: 'rolled_back' });
  });

  it('leaves nothing where a held absence is released', async () => {
    await hold('a');
    await store.release(address, ['a'], until);
    expect(cache.peekRaw('a')).toBeUndefined();
  });

  it('tells a foreign value as it is, and does not hold it', async () => {
    cache.setRaw('a', '1.tx||text');
    expect((await store.read(['a'], until)).items).toEqual([
      { kind: 'foreign', value: '1.tx||text' },
    ]);
    await expect(hold('a')).rejects.toThrow('foreign');
  });

  it('counts what has expired as absent, and writes over it', async () => {
    cache.setRaw('a', `${clock.time()}:1.old||text`);
    expect((await store.read(['a'], until)).items).toEqual([undefined]);
    expect(await hold('a')).toMatch(/^0\.\d+\*tx-1@/);
  });

  it('refuses only after a fresh look', async () => {
    cache.setRaw('a', ':1.old||text');
    await store.read(['a'], until);
    cache.setRaw('a', ':2.newer||text');
    expect(await hold('a', '2.newer')).toMatch(/^2\.newer\*/);
  });

  it('sweeps away no value of others', () => {
    expect(isOverAt('1:anything', 2)).toBe(false);
    expect(isOverAt('1:1.tx||text', 2)).toBe(true);
    expect(isOverAt('3:1.tx||text', 2)).toBe(false);
    expect(isOverAt('1:rolled_back|{}', 2)).toBe(true);
  });
});
