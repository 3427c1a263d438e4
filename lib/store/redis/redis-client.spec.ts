import { ModuleOptionsError } from '../../errors/index.js';
import { openRedisClient } from './redis-client.js';

const forced = { connectTimeoutMs: 1000, commandTimeoutMs: 500 };

describe('a connection of the library', () => {
  it.each([
    'redis://localhost:1?autoResendUnfulfilledCommands=true&enableOfflineQueue=true',
    'redis://localhost:1?maxRetriesPerRequest=20&commandTimeout=99999&enableAutoPipelining=true',
  ])('keeps its settings whatever the query of the URL says: %s', (url) => {
    expect(openRedisClient(url, forced).options).toMatchObject({
      autoResendUnfulfilledCommands: false,
      enableOfflineQueue: false,
      enableAutoPipelining: false,
      maxRetriesPerRequest: 0,
      commandTimeout: undefined,
    });
  });

  it('takes everything else from the URL', () => {
    const { options } = openRedisClient('redis://ada:secret@localhost:1/3?family=6', forced);
    expect(options).toMatchObject({ username: 'ada', password: 'secret', db: 3 });
    expect(String((options as { family?: unknown }).family)).toBe('6');
  });

  it('refuses a key prefix, which scripts would not see in their arguments', () => {
    const url = 'redis://localhost:1?keyPrefix=mine:';
    expect(() => openRedisClient(url, forced)).toThrow(ModuleOptionsError);
    expect(() => openRedisClient(url, forced)).toThrow(/"mine:"/);
  });
});
