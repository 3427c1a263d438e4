import { LimitExceededError } from '../errors/index.js';
import { checkBytes } from './limits.js';

describe('a limit of bytes', () => {
  it.each([
    ['ASCII', 'a'.repeat(30), 30],
    ['two bytes', 'é'.repeat(15), 30],
    ['three bytes', '€'.repeat(10), 30],
    ['four bytes', '😀'.repeat(8), 32],
    ['nothing', '', 0],
  ])('counts the bytes of UTF-8, not characters: %s', (_, text, bytes) => {
    expect(() => checkBytes('keyBytes', text, bytes)).not.toThrow();
    if (bytes === 0) return;
    expect(() => checkBytes('keyBytes', text, bytes - 1)).toThrow(LimitExceededError);
  });

  it('names itself, what it allows and what was asked for', () => {
    expect(() => checkBytes('valueBytes', '€€', 5)).toThrow(
      expect.objectContaining({ limit: 'valueBytes', allowed: 5, actual: 6 }) as Error,
    );
  });
});
