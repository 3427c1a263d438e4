import { withSeed } from '../../test/support/seeded-random.js';
import { isPlaceholder, parseLock, printLock, type Lock } from './lock.js';

const ADDRESS = { id: 'Zk4b0Xq9aT-1c', home: '1bz', deadlineAtMs: 1_767_225_605_000 };
const TEXT = 'Zk4b0Xq9aT-1c@1bz@1767225605000';

describe('a lock', () => {
  it.each<[string, Omit<Lock, 'address'>]>([
    [TEXT, { marked: false, expiresAtMs: undefined }],
    [`${TEXT}!`, { marked: true, expiresAtMs: undefined }],
    [`${TEXT}~1767225600000`, { marked: false, expiresAtMs: 1_767_225_600_000 }],
    [`${TEXT}!~0`, { marked: true, expiresAtMs: 0 }],
  ])('%s is read and printed', (text, rest) => {
    const lock = { address: ADDRESS, ...rest };

    expect(parseLock(text)).toEqual(lock);
    expect(printLock(lock)).toBe(text);
  });

  it.each([
    '',
    '!',
    'a@b',
    'a@0',
    `${TEXT} `,
    `${TEXT}!!`,
    `${TEXT}~`,
    `${TEXT}~!`,
    `${TEXT}~1!`,
    `${TEXT}~-1`,
    `${TEXT}~1.5`,
    `${TEXT}~1~2`,
    `${TEXT}~12345678901234567`,
    `${TEXT}|`,
    `1.w*${TEXT}`,
  ])('is not %j', (text) => {
    expect(parseLock(text)).toBeUndefined();
  });

  it('is never read in part: what is read prints the same text again', async () => {
    await withSeed('texts near locks', (random) => {
      const pieces = ['a', '-', '@', '0', '7', '!', '~', '|', '*', 'a@0@7', '\n'];
      let locks = 0;
      for (let nth = 0; nth < 20_000; nth++) {
        const text = Array.from({ length: random.integer(6) }, () => random.pick(pieces)).join('');
        const lock = parseLock(text);
        if (lock === undefined) continue;
        locks++;
        // Numbers with leading zeros are the only texts that are printed otherwise.
        expect(printLock(lock)).toBe(text.replaceAll(/([@~])0+(?=\d+(?:[!~]|$))/g, '$1'));
      }
      expect(locks).toBeGreaterThan(50);
    });
  });
});

describe('a placeholder', () => {
  it.each([
    ['0.1767225600000000', 'me@0@7', true],
    ['0.1767225600000000', undefined, false],
    ['0.w1', 'me@0@7', false],
    ['1.0', 'me@0@7', false],
    ['10.w', 'me@0@7', false],
  ])('with version %s and lock %s: %p', (version, lock, is) => {
    expect(isPlaceholder({ version, lock })).toBe(is);
  });
});
