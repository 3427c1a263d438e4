import { RespFrameSplitter } from '../support/fault-proxy/resp-frame-splitter.js';
import { withSeed } from '../support/seeded-random.js';

describe('the splitter of RESP values', () => {
  const values = [
    '+OK\r\n',
    '-ERR no\r\n',
    ':-12\r\n',
    '_\r\n',
    '#t\r\n',
    ',1.5\r\n',
    '(3492890328409238509324850943850943825024385\r\n',
    '$5\r\na\r\nbc\r\n',
    '$0\r\n\r\n',
    '$-1\r\n',
    '*-1\r\n',
    '*0\r\n',
    '=7\r\ntxt:a\rb\r\n',
    '!5\r\nERR x\r\n',
    '*3\r\n$1\r\na\r\n*2\r\n:1\r\n*0\r\n$2\r\n*1\r\n',
    '%2\r\n+a\r\n*1\r\n:1\r\n+b\r\n%1\r\n+c\r\n~2\r\n:1\r\n:2\r\n',
    '>2\r\n+message\r\n$1\r\nx\r\n',
    '|1\r\n+ttl\r\n:3\r\n*2\r\n|1\r\n+a\r\n+b\r\n:1\r\n:2\r\n',
    `$70000\r\n${'\r\n*3'.repeat(17_500)}\r\n`,
  ];

  it('finds every value wherever the stream is cut into chunks', () =>
    withSeed('splitter', (random) => {
      for (let round = 0; round < 50; round += 1) {
        const expected = random.shuffle(values);
        const stream = Buffer.from(expected.join(''));
        const splitter = new RespFrameSplitter();
        const found: string[] = [];
        for (let at = 0; at < stream.length;) {
          const length = 1 + random.integer(random.chance(0.9) ? 3 : 40_000);
          found.push(...splitter.push(stream.subarray(at, at + length)).map(String));
          at += length;
        }
        expect(found).toEqual(expected);
      }
    }));

  it('finds the values in single bytes', () => {
    const splitter = new RespFrameSplitter();
    const bytes = Array.from(Buffer.from(values.join('')), (byte) => Buffer.from([byte]));
    expect(bytes.flatMap((byte) => splitter.push(byte)).map(String)).toEqual(values);
  });

  it('refuses what is no RESP', () => {
    expect(() => new RespFrameSplitter().push(Buffer.from('GET x\r\n'))).toThrow('GET x');
    expect(() => new RespFrameSplitter().push(Buffer.from('$?\r\n'))).toThrow('length');
  });
});
