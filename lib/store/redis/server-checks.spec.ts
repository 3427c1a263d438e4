import { StoreRefusedError } from '../../errors/index.js';
import type { RedisConnection } from './redis-connection.js';
import { checkServers } from './server-checks.js';

const silent = (): void => undefined;

function check(isCluster: boolean, info: string): Promise<void> {
  const connection = { isCluster, executeOnMasters: async () => [info] };
  return checkServers(connection as unknown as RedisConnection, {
    allowEvictionPolicy: undefined,
    durability: undefined,
    warn: silent,
  });
}

describe('the checks of a server', () => {
  const replica = 'redis_version:7.0.0\r\nrole:slave\r\naof_enabled:1';

  it('refuse a replica', async () => {
    await expect(check(false, replica)).rejects.toBeInstanceOf(StoreRefusedError);
  });

  it('are made again where a master of a cluster has just become a replica', async () => {
    const error = await check(true, replica).catch((thrown: unknown) => thrown);

    expect(error).toBeInstanceOf(Error);
    expect(error).not.toBeInstanceOf(StoreRefusedError);
  });
});
