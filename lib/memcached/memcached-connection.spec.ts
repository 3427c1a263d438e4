import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { MemcachedConnection, type Reply } from './memcached-connection.js';

class FakeSocket extends EventEmitter {
  readonly written: string[] = [];
  ended: 'reset' | 'destroyed' | undefined;

  setNoDelay(): void {}
  setKeepAlive(): void {}
  write(text: string): void {
    this.written.push(text);
  }
  destroy(): void {
    this.ended = 'destroyed';
  }
  resetAndDestroy(): void {
    this.ended = 'reset';
  }
}

interface Outcome {
  replies?: readonly Reply[];
  cause?: Error;
}

describe('MemcachedConnection', () => {
  let socket: FakeSocket;
  let connection: MemcachedConnection;

  beforeEach(() => {
    socket = new FakeSocket();
    connection = new MemcachedConnection(socket as unknown as Socket);
  });

  function send(...messages: readonly (readonly [text: string, replies: number])[]): Outcome[] {
    const outcomes: Outcome[] = messages.map(() => ({}));
    connection.send(
      messages.map(([text, replies], at) => ({
        text,
        replies,
        answered: (found) => void (outcomes[at]!.replies = found),
        lost: (cause) => void (outcomes[at]!.cause = cause),
      })),
    );
    return outcomes;
  }

  it.each([1, 2, 3, 5, 7, 11, 1_000])('reads replies in pieces of %d bytes', (size) => {
    const text = 'a\r\nEND\r\nVA 3 c1\r\n🐎';
    const outcomes = send(['get', 3], ['write', 2], ['stats', 2], ['remove', 1]);
    const said = Buffer.from(
      `VA ${Buffer.byteLength(text)} c12\r\n${text}\r\nEN\r\nVA 0 c3\r\n\r\n` +
        'STORED\r\nVA 1 c4\r\nx\r\n' +
        'VERSION 1.6.18\r\nSTAT a 1\r\nSTAT b 2\r\nEND\r\n' +
        'EX\r\n',
    );

    for (let at = 0; at < said.length; at += size) {
      socket.emit('data', said.subarray(at, at + size));
    }

    expect(outcomes).toEqual([
      {
        replies: [
          { words: ['VA', String(Buffer.byteLength(text)), 'c12'], text },
          { words: ['EN'] },
          { words: ['VA', '0', 'c3'], text: '' },
        ],
      },
      { replies: [{ words: ['STORED'] }, { words: ['VA', '1', 'c4'], text: 'x' }] },
      {
        replies: [
          { words: ['VERSION', '1.6.18'] },
          { words: ['STAT', 'a', '1'] },
          { words: ['STAT', 'b', '2'] },
          { words: ['END'] },
        ],
      },
      { replies: [{ words: ['EX'] }] },
    ]);
    expect(socket.ended).toBeUndefined();
  });

  it('writes messages that are sent together at once', () => {
    send(['a\r\n', 1], ['b\r\n', 1]);
    expect(socket.written).toEqual(['a\r\nb\r\n']);
  });

  it.each([
    ['what nobody asked for', 'HD\r\nHD\r\n'],
    ['a text without its end', 'VA 1 c1\r\nxyz\r\n'],
    ['an empty line', '\r\n'],
  ])('ends over %s', (_, said) => {
    const [first] = send(['a\r\n', 1]);

    socket.emit('data', Buffer.from(said));

    expect(connection.isOpen).toBe(false);
    expect(socket.ended).toBe('reset');
    expect(first!.replies !== undefined || first!.cause !== undefined).toBe(true);
  });

  it('loses what is not answered as a whole when it ends, and what is sent afterwards', () => {
    const outcomes = send(['a\r\n', 1], ['b\r\n', 2], ['c\r\n', 1]);
    socket.emit('data', Buffer.from('HD\r\nHD\r\n'));

    socket.emit('error', new Error('read ECONNRESET'));
    socket.emit('close');
    const [late] = send(['d\r\n', 1]);

    expect(outcomes[0]).toEqual({ replies: [{ words: ['HD'] }] });
    for (const lost of [outcomes[1], outcomes[2], late]) {
      expect(lost).toEqual({ cause: new Error('read ECONNRESET') });
    }
    expect(socket.written).toHaveLength(1);
  });
});
