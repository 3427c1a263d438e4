import { Redis, type Cluster } from 'ioredis';
import { systemClock } from '../../lib/store/clock.js';
import { RedisStore } from '../../lib/store/redis/redis-store.js';
import type { Durability } from '../../lib/store/redis/replication.js';
import type { RecordLifetime } from '../../lib/store/versioned-store.js';
import { drawProcessTag } from '../../lib/transaction/random.js';
import { redisSourceOf, type ServersConfig } from './cluster-client.js';

/** A store on a server of the test, open; and a client of another program beside it. */
export async function openRedisStore(
  servers: ServersConfig,
  lifetime: RecordLifetime,
  durability?: Durability,
): Promise<{
  readonly store: RedisStore;
  readonly other: Redis | Cluster;
  close(): Promise<void>;
}> {
  const redis = redisSourceOf(servers);
  const store = new RedisStore({
    name: 'default',
    redis,
    clock: systemClock,
    lifetime,
    connectTimeoutMs: 5000,
    commandTimeoutMs: 5000,
    startup: 'eager',
    allowEvictionPolicy: undefined,
    durability,
    processTag: drawProcessTag(),
    warn: () => undefined,
  });
  await store.open();
  const other = typeof redis === 'string' ? new Redis(redis) : (redis as Cluster);
  return {
    store,
    other,
    close: async () => {
      other.disconnect();
      await store.close();
    },
  };
}
