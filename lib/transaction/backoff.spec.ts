import { backoffDelayMs } from './backoff.js';
import { withSeed } from '../../test/support/seeded-random.js';

const retry = { attempts: 10, backoffMs: 2, maxBackoffMs: 50 };

describe('the wait before the next attempt', () => {
  it.each([
    [1, 2],
    [2, 4],
    [3, 8],
    [5, 32],
    [6, 50],
    [1000, 50],
  ])('after %i failed attempts is anywhere below %i ms', (failed, most) => {
    expect(backoffDelayMs(failed, retry, () => 0)).toBe(0);
    expect(backoffDelayMs(failed, retry, () => 0.5)).toBe(most / 2);
    expect(backoffDelayMs(failed, retry, () => 0.999_999)).toBeLessThan(most);
  });

  it('is spread over the whole range, so that rivals do not meet again', async () => {
    await withSeed('jitter', (random) => {
      const delays = Array.from({ length: 1000 }, () =>
        backoffDelayMs(6, retry, () => random.next()),
      );

      expect(Math.min(...delays)).toBeLessThan(5);
      expect(Math.max(...delays)).toBeGreaterThan(45);
    });
  });

  it('is none where no back-off is wanted', () => {
    expect(backoffDelayMs(3, { ...retry, backoffMs: 0 }, () => 0.9)).toBe(0);
    expect(backoffDelayMs(3, { ...retry, maxBackoffMs: 0 }, () => 0.9)).toBe(0);
  });
});
