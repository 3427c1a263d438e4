import { serverKeyOf } from './server-key.js';

describe('serverKeyOf', () => {
  it.each(['account:1', 'a', 'žluťoučký:🐎', 'k'.repeat(250), '__proto__'])('keeps %s', (key) => {
    expect(serverKeyOf(key)).toBe(key);
  });

  it.each([
    '',
    'a b',
    'a\tb',
    'a\r\nflush_all',
    'a\u007f',
    'a\0',
    'k'.repeat(251),
    'ž'.repeat(126),
    serverKeyOf('a b'),
  ])('hashes %j', (key) => {
    const serverKey = serverKeyOf(key);
    expect(serverKey).toMatch(/^dtx:sha256:[\w-]{43}$/);
    expect(serverKey).not.toBe(key);
  });
});
