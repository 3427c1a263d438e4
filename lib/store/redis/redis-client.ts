import { Redis, type Cluster, type RedisOptions } from 'ioredis';
import { ModuleOptionsError } from '../../errors/index.js';

export type RedisClient = Redis | Cluster;

/** A URL, the options of ioredis, or a client of the user's own, which is duplicated. */
export type RedisSource = string | RedisOptions | RedisClient;

/** How a connection of this library behaves; the user's options do not change it. */
interface ForcedOptions {
  readonly connectTimeoutMs: number;
  readonly commandTimeoutMs: number;
}

/**
 * Opens a connection of our own. The settings below are forced: with the defaults, ioredis sends a
 * command again whose reply was lost, and runs commands after their promise was rejected.
 *
 * @throws ModuleOptionsError for a client-side key prefix, which scripts would not see in arguments.
 */
export function openRedisClient(source: RedisSource, forced: ForcedOptions): RedisClient {
  const redisOptions = {
    lazyConnect: true,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    enableOfflineQueue: false,
    enableAutoPipelining: false,
    enableReadyCheck: true,
    reconnectOnError: null,
    // Its timer would keep a process alive that has nothing else to do.
    disconnectTimeout: 200,
    // Silence is watched by RedisConnection, at a third of the cost.
    commandTimeout: undefined,
    connectTimeout: forced.connectTimeoutMs,
    sentinelCommandTimeout: forced.commandTimeoutMs,
    retryStrategy: reconnectDelayMs,
  } satisfies RedisOptions;
  if (typeof source === 'string')
    return new Redis(withoutOptions(source, redisOptions), redisOptions);
  if (isClient(source)) {
    refuseKeyPrefix(source.options.keyPrefix);
    return isCluster(source)
      ? duplicateCluster(source, redisOptions)
      : source.duplicate(redisOptions);
  }
  refuseKeyPrefix(source.keyPrefix);
  return new Redis({ ...source, ...redisOptions });
}

/** The query of a URL holds options too, and in ioredis they win over all others. */
function withoutOptions(source: string, forced: RedisOptions): string {
  const url = new URL(source);
  const database = url.pathname.slice(1);
  if (/^rediss?:$/.test(url.protocol) && !/^\d*$/.test(database)) {
    throw new ModuleOptionsError(
      `redis: the database in the URL is '${database}'; allowed is a number, as in redis://localhost:6379/3.`,
    );
  }
  refuseKeyPrefix(url.searchParams.get('keyPrefix') ?? undefined);
  for (const name of Object.keys(forced)) url.searchParams.delete(name);
  return url.href;
}

function duplicateCluster(cluster: Cluster, redisOptions: RedisOptions): Cluster {
  refuseKeyPrefix(cluster.options.redisOptions?.keyPrefix);
  return cluster.duplicate([], {
    lazyConnect: true,
    retryDelayOnFailover: 0,
    enableOfflineQueue: false,
    enableAutoPipelining: false,
    scaleReads: 'master',
    clusterRetryStrategy: reconnectDelayMs,
    // The nodes of a cluster are reconnected by the cluster, never by themselves.
    redisOptions: { ...cluster.options.redisOptions, ...redisOptions, retryStrategy: null },
  });
}

/** Told by its shape: the user's ioredis may be another copy of the package than ours. */
export function isClient(source: RedisSource): source is RedisClient {
  return typeof source === 'object' && typeof (source as RedisClient).duplicate === 'function';
}

export function isCluster(client: RedisClient): client is Cluster {
  return client.isCluster;
}

/** 50 ms doubled per try, at most a second. */
function reconnectDelayMs(tries: number): number {
  return Math.min(50 * 2 ** Math.min(tries - 1, 10), 1000);
}

function refuseKeyPrefix(keyPrefix: string | undefined): void {
  if (!keyPrefix) return;
  throw new ModuleOptionsError(
    `redis: the client has keyPrefix ${JSON.stringify(keyPrefix)}. ioredis adds it to keys but not to what ` +
      'scripts and records hold. Remove it and set the option `keyPrefix` of forRoot() instead.',
  );
}
