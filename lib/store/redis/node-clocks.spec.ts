import { ManualClock } from '../../testing/manual-clock.js';
import { NodeClocks } from './node-clocks.js';

const BOUND_MS = 1000;

let clock: ManualClock;
let asked: number;
let warnings: string[];
/** How far the clock of each master is ahead; undefined where none answers. */
let ahead: Record<string, number> | undefined;
let clocks: NodeClocks;

beforeEach(() => {
  clock = new ManualClock();
  asked = 0;
  warnings = [];
  ahead = { 'one:1': 0, 'two:2': 0 };
  const connection = {
    addressOf: (key: string) => key,
    executeOnEachMaster: async () => {
      asked += 1;
      if (ahead === undefined) throw new Error('Connection is closed.');
      return Object.entries(ahead).map(([address, ms]) => {
        const time = clock.time() + ms;
        return { address, reply: `${Math.floor(time / 1000)},${(time % 1000) * 1000}` };
      });
    },
  };
  const warn = (message: string): void => void warnings.push(message);
  clocks = new NodeClocks(connection, clock, { boundMs: BOUND_MS, warn });
});

describe('the clocks of the masters', () => {
  it('are measured, each by itself, and again and again', async () => {
    ahead = { 'one:1': 500, 'two:2': -500 };
    await clocks.measure();
    const at = (key: string): number => clocks.toNodeTime(clock.now(), key) - clock.time();
    expect([at('one:1'), at('two:2')]).toEqual([500, -500]);

    ahead = { 'one:1': 700, 'two:2': -500 };
    await clock.advance(60_000);
    expect([at('one:1'), at('two:2')]).toEqual([700, -500]);
    expect(asked).toBe(7);
  });

  it('are left in peace once nobody answers, until somebody connects again', async () => {
    await clocks.measure();
    ahead = undefined;
    await clock.advance(60_000);
    expect([asked, clock.pending]).toEqual([2, 0]);

    ahead = { 'one:1': 0 };
    await Promise.all([clocks.measure(), clocks.measure()]);
    expect([asked, clock.pending]).toEqual([4, 1]);
  });

  it('are told with both times where one is off, once', async () => {
    ahead = { 'one:1': BOUND_MS, 'two:2': -2500 };
    await clocks.measure();
    await clock.advance(60_000);

    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain('two:2 is 2.5 s behind that of this machine');
    const here = clock.time() - 60_000;
    for (const ms of [here, here - 2500]) expect(warnings[0]).toContain(new Date(ms).toISOString());
  });

  it('are told again where one was right meanwhile', async () => {
    for (const ms of [5000, 0, 5000]) {
      ahead = { 'one:1': ms };
      await clocks.measure();
    }
    expect(warnings).toHaveLength(2);
    expect(warnings[0]).toContain('one:1 is 5.0 s ahead of that of this machine');
  });
});
