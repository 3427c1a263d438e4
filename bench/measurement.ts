import type { CpuUsage } from './cpu-usage.js';
import type { SystemName } from './systems/registry.js';
import type { RedisUrls } from './systems/system.js';
import type { WorkloadName } from './workloads.js';

/** What is asked to be measured. */
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

/** The first process stores what the calls need. */
export type Role = 'first' | 'other';

export interface OpenQuestion {
  readonly step: 'open';
  /** With the calls and the seed of this process. */
  readonly spec: MeasurementSpec;
  readonly role: Role;
}

/** What an application process is asked, one after the other. */
export type Question =
  | OpenQuestion
  | { readonly step: 'run' }
  | { readonly step: 'check'; readonly works: readonly object[] };

/** What one application process saw. */
export interface ProcessReport {
  readonly before: CpuUsage;
  readonly after: CpuUsage;
  /** Commits between the two readings. */
  readonly commitsMeasured: number;
  readonly latenciesMs: Float64Array;
  readonly attemptsPerCall: Float64Array;
  /** Of the whole run, warm-up included. */
  readonly totals: CallTotals;
  readonly work: object;
}

export interface CallTotals {
  readonly commits: number;
  readonly declined: number;
  readonly gaveUp: number;
  readonly attempts: number;
}

/** How far the accounts are from what the committed transfers make them. All zero is right. */
export interface Anomalies {
  readonly wrongItems: number;
  /** Sum of all balances minus the sum at the start. */
  readonly sumError: number;
  /** Writes counted in the versions minus 2 × commits; null where the layout counts none. */
  readonly versionError: number | null;
}

/** What was found, of all processes together. */
export interface Measurement {
  readonly txPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly nodeUsPerTx: number;
  readonly redisUsPerTx: number;
  /** Attempts that were lost to conflicts, per hundred attempts. */
  readonly conflictPercent: number;
  /** Of the calls that committed or gave up. */
  readonly attemptsP99: number;
  readonly attemptsMax: number;
  /** Calls that could not commit in time, of the whole run. */
  readonly gaveUp: number;
  /** Cores kept busy by anything but these processes and their Redis; null where it cannot be known. */
  readonly foreignCores: number | null;
  readonly anomalies: Anomalies;
}

export function isClean(anomalies: Anomalies): boolean {
  return (
    anomalies.wrongItems === 0 && anomalies.sumError === 0 && (anomalies.versionError ?? 0) === 0
  );
}
