import { ACCOUNTS_PER_GROUP } from './accounts.js';
import { startIgnite, startMemcached } from './cache-servers.js';
import { startRedisCluster } from './redis-cluster.js';
import { type RedisServers, startRedisServer } from './redis-server.js';
import { startRedisAndPostgres } from './sql-servers.js';
import {
  CLUSTER_SYSTEMS,
  COUNTER_SYSTEMS,
  HOT_SYSTEMS,
  IGNITE_SYSTEMS,
  MEMCACHED_SYSTEMS,
  ONE_REDIS_SYSTEMS,
  SQL_SYSTEMS,
  type SystemName,
  type Systems,
} from './systems/registry.js';

/** Which accounts exist and where, which two of them a transfer touches, and who is compared. */
export interface Workload {
  readonly accounts: number;
  readonly systems: Systems;
  /** What every ratio is taken against. */
  readonly base: SystemName;
  readonly startServers: (core: number | undefined) => Promise<RedisServers>;
  /** Two distinct account numbers. `random` yields numbers in [0, 1). */
  pick(accounts: number, random: () => number): readonly [from: number, to: number];
}

export const WORKLOAD_NAMES = [
  'transfer-uniform',
  'transfer-zipf',
  'hot-counter',
  'transfer-cluster',
  'transfer-sql',
  'transfer-memcached',
  'transfer-ignite',
] as const;
export type WorkloadName = (typeof WORKLOAD_NAMES)[number];

export const WORKLOADS: Readonly<Record<WorkloadName, Workload>> = {
  'transfer-uniform': {
    accounts: 10_000,
    systems: ONE_REDIS_SYSTEMS,
    base: 'hand-written-lua',
    startServers: startRedisServer,
    pick: pickUniform,
  },
  'transfer-zipf': {
    accounts: 100,
    systems: HOT_SYSTEMS,
    base: 'hand-written-lua-backoff',
    startServers: startRedisServer,
    pick: pickZipf,
  },
  'hot-counter': {
    accounts: 2,
    systems: COUNTER_SYSTEMS,
    base: 'hand-written-delta',
    startServers: startRedisServer,
    pick: pickUniform,
  },
  'transfer-cluster': {
    accounts: 10_000,
    systems: CLUSTER_SYSTEMS,
    base: 'nestjs-distributed-tx-one-slot',
    startServers: startRedisCluster,
    pick: pickWithinGroup,
  },
  'transfer-sql': {
    accounts: 10_000,
    systems: SQL_SYSTEMS,
    base: 'sql-alone',
    startServers: startRedisAndPostgres,
    pick: pickUniform,
  },
  'transfer-memcached': {
    accounts: 10_000,
    systems: MEMCACHED_SYSTEMS,
    base: 'memcached-cas-by-hand',
    startServers: startMemcached,
    pick: pickUniform,
  },
  'transfer-ignite': {
    accounts: 1000,
    systems: IGNITE_SYSTEMS,
    base: 'ignite-cas-by-hand',
    startServers: startIgnite,
    pick: pickUniform,
  },
};

function pickUniform(accounts: number, random: () => number): readonly [number, number] {
  const from = Math.floor(random() * accounts);
  const step = 1 + Math.floor(random() * (accounts - 1));
  return [from, (from + step) % accounts];
}

/** How much more often the first account is drawn than the second, and so on: 1 / rank ** skew. */
const ZIPF_SKEW = 0.99;
const cumulated = new Map<number, Float64Array>();

/** Two distinct accounts, each drawn by a Zipf distribution, as YCSB does for its hot records. */
function pickZipf(accounts: number, random: () => number): readonly [number, number] {
  const from = drawZipf(accounts, random);
  for (;;) {
    const to = drawZipf(accounts, random);
    if (to !== from) return [from, to];
  }
}

function drawZipf(accounts: number, random: () => number): number {
  const sums = cumulated.get(accounts) ?? cumulate(accounts);
  const at = random() * sums[accounts - 1]!;
  let low = 0;
  for (let high = accounts - 1; low < high;) {
    const middle = (low + high) >> 1;
    if (sums[middle]! > at) high = middle;
    else low = middle + 1;
  }
  return low;
}

function cumulate(accounts: number): Float64Array {
  const sums = new Float64Array(accounts);
  for (let rank = 1, sum = 0; rank <= accounts; rank++) {
    sum += rank ** -ZIPF_SKEW;
    sums[rank - 1] = sum;
  }
  cumulated.set(accounts, sums);
  return sums;
}

/**
 * Two accounts of one group, so that all systems make the same transfers, whether they store a group
 * in one slot or every account in its own.
 */
function pickWithinGroup(accounts: number, random: () => number): readonly [number, number] {
  const groups = accounts / ACCOUNTS_PER_GROUP;
  const first = ACCOUNTS_PER_GROUP * Math.floor(random() * groups);
  const [from, to] = pickUniform(ACCOUNTS_PER_GROUP, random);
  return [first + from, first + to];
}

/** A small seeded generator (mulberry32), so that a round draws the same accounts for each system. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
