import { Cluster } from 'ioredis';
import type { RedisSource } from '../../lib/store/redis/redis-client.js';

/** Where a worker finds its servers: one of them, a cluster, perhaps behind proxies, or by Sentinels. */
export interface ServersConfig {
  readonly url?: string;
  readonly cluster?: ClusterConfig;
  readonly sentinels?: SentinelAddresses;
}

/** As ioredis takes them. */
export interface SentinelAddresses {
  readonly name: string;
  readonly sentinels: { readonly host: string; readonly port: number }[];
}

export interface ClusterConfig {
  readonly ports: readonly number[];
  /** The port of the proxy that stands before a node, by the node's port. */
  readonly proxies?: Readonly<Record<number, number>>;
}

/** A client that the library duplicates; it has to be let go of by `disconnect`. */
export function clusterClient({ ports, proxies = {} }: ClusterConfig): Cluster {
  const host = '127.0.0.1';
  const nodes = ports.map((port) => ({ host, port: proxies[port] ?? port }));
  const natMap = Object.fromEntries(
    Object.entries(proxies).map(([port, proxy]) => [`${host}:${port}`, { host, port: proxy }]),
  );
  return new Cluster(nodes, {
    lazyConnect: true,
    slotsRefreshTimeout: 2000,
    ...(Object.keys(natMap).length > 0 ? { natMap } : {}),
  });
}

export function redisSourceOf({ url, cluster, sentinels }: ServersConfig): RedisSource {
  if (sentinels !== undefined) return sentinels;
  return cluster === undefined ? (url ?? '') : clusterClient(cluster);
}
