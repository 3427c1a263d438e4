import type { DistributedTxModuleOptions } from 'nestjs-distributed-tx';

/**
 * The store that one variable names: REDIS_URL, MEMCACHED_SERVERS or IGNITE_ENDPOINTS (`host:port`, several with
 * commas); without one, everything stays in this process and ends with it. Their clients are loaded only where they
 * are asked for.
 */
export async function storeOfEnvironment(): Promise<
  Pick<DistributedTxModuleOptions, 'redis' | 'stores' | 'store'>
> {
  const { REDIS_URL: redis, MEMCACHED_SERVERS: servers, IGNITE_ENDPOINTS: endpoints } = process.env;
  if (redis) return { redis };
  if (servers) {
    const { memcached } = await import('nestjs-distributed-tx/memcached');
    return { stores: { default: memcached({ servers: servers.split(',') }) } };
  }
  if (endpoints) {
    const { ignite } = await import('nestjs-distributed-tx/ignite');
    return { stores: { default: ignite({ endpoints: endpoints.split(',') }) } };
  }
  return { store: 'embedded' };
}

/** What people are told. */
export function nameOfStore(): string {
  const { REDIS_URL, MEMCACHED_SERVERS, IGNITE_ENDPOINTS } = process.env;
  if (REDIS_URL) return 'Redis';
  if (MEMCACHED_SERVERS) return 'Memcached';
  if (IGNITE_ENDPOINTS) return 'Ignite';
  return 'embedded; set REDIS_URL, MEMCACHED_SERVERS or IGNITE_ENDPOINTS for a server';
}
