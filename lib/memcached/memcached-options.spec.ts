import { ModuleOptionsError } from '../errors/index.js';
import { systemClock } from '../store/clock.js';
import { MemcachedCache, type MemcachedOptions } from './memcached-cache.js';
import { parseServer } from './server-address.js';

describe('the options of Memcached', () => {
  it.each([
    ['127.0.0.1:11211', { host: '127.0.0.1', port: 11211 }],
    ['cache-1.example.org:1', { host: 'cache-1.example.org', port: 1 }],
    ['[::1]:65535', { host: '::1', port: 65535 }],
  ])('have %s as a server', (name, address) => {
    expect(parseServer(name)).toEqual({ name, ...address });
  });

  const wrong: Record<string, MemcachedOptions> = {
    'no server': { servers: [] },
    'a server without a port': { servers: ['localhost'] },
    'a server with a port that is none': { servers: ['localhost:70000'] },
    'a server with a scheme': { servers: ['memcached://localhost:11211'] },
    'an IPv6 address without brackets': { servers: ['::1:11211'] },
    'a server twice': { servers: ['a:1', 'a:1'] },
    'eviction of another server': { servers: ['a:1'], allowEviction: ['b:1'] },
  };
  it.each(Object.keys(wrong))('refuse %s', (kind) => {
    expect(() => new MemcachedCache(wrong[kind]!, systemClock)).toThrow(ModuleOptionsError);
  });
});
