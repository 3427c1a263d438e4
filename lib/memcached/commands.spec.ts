import { StoreRefusedError } from '../errors/index.js';
import { systemClock } from '../store/clock.js';
import { refusalOf, seenAfter, seenIn, wasRemoved, writeCommands } from './commands.js';
import { MemcachedCache } from './memcached-cache.js';
import type { MemcachedConnection, Reply } from './memcached-connection.js';

const connection = {} as MemcachedConnection;

function line(text: string, value?: string): Reply {
  const words = text.split(' ');
  return value === undefined ? { words } : { words, text: value };
}

describe('the commands of Memcached', () => {
  it('count bytes, not characters', () => {
    const written = { serverKey: 'k', text: '🐎', exptime: 5 };
    expect(writeCommands(written)).toBe('add k 0 5 4\r\n🐎\r\nmg k v c\r\n');
    expect(writeCommands(written, '12')).toBe('cas k 0 5 4 12\r\n🐎\r\nmg k v c\r\n');
  });

  it('give a CAS id with the connection that it is good for', () => {
    const token = { cas: '7', connection };
    expect(seenIn(line('VA 3 c7', 'one'), connection)).toEqual({ text: 'one', token });
    const replies = [line('STORED'), line('VA 3 c7', 'one')];
    expect(seenAfter(replies, 'one', connection)).toEqual({ text: 'one', token });
  });

  it.each([
    ['somebody else has written since', line('VA 3 c8', 'two')],
    ['somebody else has removed it since', line('EN')],
    ['it could not be read', line('SERVER_ERROR out of memory reading request')],
  ])('give no CAS id for a text that was written when %s', async (_, reply) => {
    const seen = seenAfter([line('STORED'), reply], 'one', connection);
    expect(seen).toEqual({ text: 'one' });

    const cache = new MemcachedCache({ servers: ['127.0.0.1:1'] }, systemClock);
    const until = systemClock.now() + 1_000;
    expect(await cache.replace('key', seen!, 'two', undefined, until)).toBeUndefined();
    expect(await cache.remove('key', seen!, until)).toBe(false);
  });

  it.each(['NOT_STORED', 'EXISTS', 'NOT_FOUND'])('have not written at %s', (word) => {
    expect(seenAfter([line(word), line('VA 3 c7', 'one')], 'one', connection)).toBeUndefined();
  });

  it.each([
    ['SERVER_ERROR object too large for cache', /'key'.* 1048576 bytes: raise option -I/s],
    ['SERVER_ERROR out of memory storing object', /'key'.*more memory with option -m/s],
    ['CLIENT_ERROR bad data chunk', /127\.0\.0\.1:1 refused 'key': CLIENT_ERROR bad data chunk/],
  ])('are refused by %s', (text, message) => {
    const about = { server: '127.0.0.1:1', key: 'key', itemSizeMax: 1_048_576 };
    const reads = [
      () => seenAfter([line(text), line('EN')], 'one', connection),
      () => seenIn(line(text), connection),
      () => wasRemoved([line(text)]),
    ];
    for (const read of reads) {
      const refused = () => {
        try {
          read();
        } catch (error) {
          throw refusalOf(error, about);
        }
      };
      expect(refused).toThrow(StoreRefusedError);
      expect(refused).toThrow(message);
    }
  });
});
