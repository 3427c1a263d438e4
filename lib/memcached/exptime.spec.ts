import { ManualClock } from '../testing/manual-clock.js';
import { exptimeOf } from './exptime.js';

describe('exptimeOf', () => {
  const clock = new ManualClock();
  const dayMs = 24 * 60 * 60 * 1_000;

  it('is 0 for ever', () => {
    expect(exptimeOf(undefined, clock)).toBe(0);
  });

  it.each([
    [0, 1],
    [1, 2],
    [1_000, 2],
    [1_001, 3],
    [60_000, 61],
  ])('rounds %d ms up to %d s, with the second that has begun', (expiresInMs, seconds) => {
    expect(exptimeOf(expiresInMs, clock)).toBe(seconds);
  });

  it('is a time of day above thirty days, where Memcached takes it for one', () => {
    expect(exptimeOf(30 * dayMs - 1_000, clock)).toBe(30 * 24 * 60 * 60);
    const at = exptimeOf(31 * dayMs, clock) * 1_000;
    expect(at).toBeGreaterThan(clock.time() + 31 * dayMs);
    expect(at).toBeLessThanOrEqual(clock.time() + 31 * dayMs + 2_000);
  });
});
