import type { SystemName } from './systems/registry.js';
import type { RedisUrls } from './systems/system.js';
import type { WorkloadName } from './workloads.js';

/** What one child process is asked to measure. */
export interface MeasurementSpec {
  readonly system: SystemName;
  readonly workload: WorkloadName;
  readonly accounts: number;
  readonly concurrency: number;
  readonly redisUrls: RedisUrls;
  readonly postgresUrl?: string | undefined;
  readonly cacheServers?: readonly string[] | undefined;
  readonly warmupSeconds: number;
  readonly seconds: number;
  readonly seed: number;
}

/** How far the accounts are from what the committed transfers make them. All zero is right. */
export interface Anomalies {
  readonly wrongAccounts: number;
  /** Sum of all balances minus the sum at the start. */
  readonly balanceError: number;
  /** Writes counted in the versions minus 2 × commits; null where the layout counts none. */
  readonly versionError: number | null;
}

/** What one child process found. */
export interface Measurement {
  readonly txPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly nodeUsPerTx: number;
  readonly redisUsPerTx: number;
  /** Attempts that were lost to conflicts, per hundred attempts. */
  readonly conflictPercent: number;
  /** Cores kept busy by anything but this process and its Redis; null where it cannot be known. */
  readonly foreignCores: number | null;
  readonly anomalies: Anomalies;
}

export function isClean(anomalies: Anomalies): boolean {
  return (
    anomalies.wrongAccounts === 0 &&
    anomalies.balanceError === 0 &&
    (anomalies.versionError ?? 0) === 0
  );
}
