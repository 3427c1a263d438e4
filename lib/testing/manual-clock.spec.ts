import { ManualClock } from './manual-clock.js';

describe('a manual clock', () => {
  it('stands still until it is moved', async () => {
    const clock = new ManualClock({ timeMs: 1000 });
    const before = [clock.now(), clock.time()];
    await new Promise((resolve) => setImmediate(resolve));

    expect([clock.now(), clock.time()]).toEqual(before);
    await clock.advance(5);
    expect([clock.now(), clock.time()]).toEqual([5, 1005]);
  });

  it('calls what is due in the order of time, then of scheduling, at its time', async () => {
    const clock = new ManualClock();
    const told: string[] = [];
    const tell = (what: string) => () => told.push(`${what} at ${clock.now()}`);
    clock.schedule(20, tell('c'));
    clock.schedule(10, tell('a'));
    clock.schedule(10, tell('b'));
    clock.schedule(31, tell('late'));

    await clock.advance(30);

    expect(told).toEqual(['a at 10', 'b at 10', 'c at 20']);
    expect([clock.now(), clock.pending]).toEqual([30, 1]);
  });

  it('lets promises settle between callbacks, and calls what they schedule', async () => {
    const clock = new ManualClock();
    const told: number[] = [];
    const repeat = async (): Promise<void> => {
      await Promise.resolve();
      await new Promise((resolve) => process.nextTick(resolve));
      told.push(clock.now());
      clock.schedule(10, () => void repeat());
    };
    clock.schedule(10, () => void repeat());

    await clock.advance(35);

    expect(told).toEqual([10, 20, 30]);
  });

  it('forgets what was cancelled', async () => {
    const clock = new ManualClock();
    let called = 0;
    const cancel = clock.schedule(1, () => called++);
    clock.schedule(1, () => called++);
    cancel();
    cancel();
    await clock.advance(1);

    expect([called, clock.pending]).toEqual([1, 0]);
  });

  it('calls at once, on the next move, what has no delay or a negative one', async () => {
    const clock = new ManualClock();
    let called = 0;
    clock.schedule(0, () => called++);
    clock.schedule(-5, () => called++);
    expect(called).toBe(0);
    await clock.advance(0);

    expect(called).toBe(2);
  });

  it.each([-1, Number.NaN, Number.POSITIVE_INFINITY])('does not move by %d', async (ms) => {
    await expect(new ManualClock().advance(ms)).rejects.toBeInstanceOf(RangeError);
  });
});
