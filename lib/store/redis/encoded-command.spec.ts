import { Command } from 'ioredis';
import { SeededRandom, withSeed } from '../../../test/support/seeded-random.js';
import { encode } from './encoded-command.js';

/** The same command by the client's own rules. */
function byClient(name: string, args: readonly string[]): string {
  return String(new Command(name, [...args]).toWritable({}));
}

describe('the bytes of a command', () => {
  it.each<readonly [string, readonly string[]]>([
    ['no argument', []],
    ['an empty argument', ['', 'a', '']],
    ['ASCII', ['account:1', '3.w|1,2|{"id":"1"}']],
    ['other text', ['é', '😀', 'ß'.repeat(9), '€'.repeat(40), `${'x'.repeat(99)}é`]],
    ['what looks like the protocol', ['\r\n$3\r\nfoo\r\n', '*1\r\n', '\0']],
    [
      'lengths of one to six digits',
      [9, 10, 99, 100, 999, 1000, 100_000].map((n) => 'x'.repeat(n)),
    ],
    ['what is larger than all before', ['é'.repeat(1_000_000), 'x'.repeat(3_000_000)]],
  ])('are those of the client for %s', (_, args) => {
    expect(encode('MGET', args).equals(Buffer.from(byClient('MGET', args)))).toBe(true);
  });

  it('are those of the client for random texts', async () => {
    const alphabet = Array.from('abc{}:|\r\n\0éß€😀');
    await withSeed('encoded commands', (random: SeededRandom) => {
      for (let nth = 0; nth < 2000; nth++) {
        const args = Array.from({ length: random.integer(20) }, () =>
          Array.from({ length: random.integer(200) }, () => random.pick(alphabet)).join(''),
        );
        expect(String(encode('EVALSHA', args))).toBe(byClient('EVALSHA', args));
      }
    });
  });

  it('stay as they are when the next command is written', () => {
    const first = encode('GET', ['a']);
    encode('GET', ['bbbbbbbb']);

    expect(String(first)).toBe('*2\r\n$3\r\nGET\r\n$1\r\na\r\n');
  });
});
