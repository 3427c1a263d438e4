import { pickUniform, pickWithinGroup, pickZipf } from './account-pairs.js';
import { startIgnite, startMemcached } from './cache-servers.js';
import { scenarioCalls } from './item-load.js';
import type { Load } from './load.js';
import type { MeasurementSpec } from './measurement.js';
import { startRedisCluster } from './redis-cluster.js';
import { type RedisServers, startRedisServer } from './redis-server.js';
import { startRedisAndPostgres } from './sql-servers.js';
import { flashSale } from './scenarios/flash-sale.js';
import { newOrder } from './scenarios/new-order.js';
import { smallBank } from './scenarios/smallbank.js';
import {
  CLUSTER_SYSTEMS,
  COUNTER_SYSTEMS,
  HOT_SYSTEMS,
  IGNITE_SYSTEMS,
  MEMCACHED_SYSTEMS,
  ONE_REDIS_SYSTEMS,
  SQL_SYSTEMS,
  type SystemName,
} from './systems/registry.js';
import { transfers } from './transfer-load.js';

export type StartServers = (core: number | undefined) => Promise<RedisServers>;

/** How many accounts there are and where, what calls do to them, and who is compared. */
export interface Workload {
  /** How many there are. */
  readonly accounts: number;
  /** What they are; accounts by default. */
  readonly noun?: string;
  readonly systems: readonly SystemName[];
  /** What every ratio is taken against. */
  readonly base: SystemName;
  /** How many application processes share the calls; one by default. */
  readonly processes?: number;
  /**
   * How many usual warm-ups it takes, one by default. Processes that share the cores compile at the
   * same time, and each has made half of the calls.
   */
  readonly warmUps?: number;
  readonly startServers: StartServers;
  /** What the calls of one application process do. */
  readonly load: (spec: MeasurementSpec) => Promise<Load>;
}

export const WORKLOAD_NAMES = [
  'transfer-uniform',
  'transfer-zipf',
  'transfer-zipf-2p',
  'hot-counter',
  'flash-sale',
  'smallbank',
  'new-order',
  'transfer-cluster',
  'transfer-sql',
  'transfer-memcached',
  'transfer-ignite',
] as const;
export type WorkloadName = (typeof WORKLOAD_NAMES)[number];

export const WORKLOADS: Readonly<Record<WorkloadName, Workload>> = {
  'transfer-uniform': {
    accounts: 10_000,
    ...transfers(ONE_REDIS_SYSTEMS, pickUniform),
    base: 'hand-written-lua',
    startServers: startRedisServer,
  },
  'transfer-zipf': {
    accounts: 100,
    ...transfers(HOT_SYSTEMS, pickZipf),
    base: 'hand-written-lua-backoff',
    startServers: startRedisServer,
  },
  'transfer-zipf-2p': {
    accounts: 100,
    ...transfers(HOT_SYSTEMS, pickZipf),
    base: 'hand-written-lua-backoff',
    processes: 2,
    warmUps: 4,
    startServers: startRedisServer,
  },
  'hot-counter': {
    accounts: 2,
    ...transfers(COUNTER_SYSTEMS, pickUniform),
    base: 'hand-written-delta',
    startServers: startRedisServer,
  },
  'flash-sale': {
    accounts: 2000,
    noun: 'products',
    ...scenarioCalls(flashSale),
    base: 'hand-written-lua-backoff',
    startServers: startRedisServer,
  },
  smallbank: {
    accounts: 2000,
    noun: 'customers',
    ...scenarioCalls(smallBank),
    base: 'hand-written-lua-backoff',
    startServers: startRedisServer,
  },
  'new-order': {
    accounts: 1000,
    noun: 'items in stock',
    ...scenarioCalls(newOrder),
    base: 'hand-written-lua-backoff',
    startServers: startRedisServer,
  },
  'transfer-cluster': {
    accounts: 10_000,
    ...transfers(CLUSTER_SYSTEMS, pickWithinGroup),
    base: 'nestjs-distributed-tx-one-slot',
    startServers: startRedisCluster,
  },
  'transfer-sql': {
    accounts: 10_000,
    ...transfers(SQL_SYSTEMS, pickUniform),
    base: 'sql-alone',
    startServers: startRedisAndPostgres,
  },
  'transfer-memcached': {
    accounts: 10_000,
    ...transfers(MEMCACHED_SYSTEMS, pickUniform),
    base: 'memcached-cas-by-hand',
    startServers: startMemcached,
  },
  'transfer-ignite': {
    accounts: 1000,
    ...transfers(IGNITE_SYSTEMS, pickUniform),
    base: 'ignite-cas-by-hand',
    startServers: startIgnite,
  },
};

/** Those that need nothing but a Redis. */
export const ONE_REDIS_WORKLOADS: readonly WorkloadName[] = WORKLOAD_NAMES.filter(
  (name) => WORKLOADS[name].startServers === startRedisServer,
);
