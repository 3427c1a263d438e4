import { isClean, type Measurement } from './measurement.js';
import type { Turn } from './schedule.js';
import type { SystemName } from './systems/registry.js';

/** More than this share of a core used by others makes a measurement noisy. */
export const FOREIGN_CORES_MAX = 0.15;

export interface Result {
  readonly turn: Turn;
  readonly measurement: Measurement;
}

export interface Ratio {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** Whose row is made, and what its throughput is divided by. */
export interface Comparands {
  readonly system: SystemName;
  readonly base: SystemName;
  readonly concurrency: number;
}

/** One line of the table: medians over the rounds of one system at one concurrency. */
export interface Row {
  readonly system: SystemName;
  readonly concurrency: number;
  readonly txPerSecond: number;
  /** To the base system of the same round; undefined where the base was not measured. */
  readonly ratio: Ratio | undefined;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly nodeUsPerTx: number;
  readonly redisUsPerTx: number;
  readonly conflictPercent: number;
  readonly attemptsP99: number;
  /** Over all rounds, as is what follows. */
  readonly attemptsMax: number;
  readonly gaveUp: number;
  /** Wrong accounts, and rounds whose count of versions was wrong. */
  readonly anomalies: number;
  /** Too few rounds were free of foreign load: read the CPU columns, not the throughput. */
  readonly noisy: boolean;
}

export function summarize(
  results: readonly Result[],
  { system, base, concurrency }: Comparands,
): Row | undefined {
  const own = resultsOf(results, system, concurrency);
  if (own.length === 0) return undefined;
  const { chosen, noisy } = preferQuiet(own, isQuiet);
  const pairs = pairWithBase(own, resultsOf(results, base, concurrency));
  const quietPairs = preferQuiet(pairs, (pair) => pair.quiet);
  const medianOf = (field: keyof Omit<Measurement, 'anomalies' | 'foreignCores'>): number =>
    median(chosen.map(({ measurement }) => measurement[field]));
  return {
    system,
    concurrency,
    txPerSecond: medianOf('txPerSecond'),
    ratio: ratioOf(quietPairs.chosen.map((pair) => pair.ratio)),
    p50Ms: medianOf('p50Ms'),
    p99Ms: medianOf('p99Ms'),
    nodeUsPerTx: medianOf('nodeUsPerTx'),
    redisUsPerTx: medianOf('redisUsPerTx'),
    conflictPercent: medianOf('conflictPercent'),
    attemptsP99: medianOf('attemptsP99'),
    attemptsMax: Math.max(...own.map(({ measurement }) => measurement.attemptsMax)),
    gaveUp: own.reduce((sum, { measurement }) => sum + measurement.gaveUp, 0),
    anomalies: own.reduce((count, { measurement }) => count + countAnomalies(measurement), 0),
    noisy: noisy || quietPairs.noisy,
  };
}

export function countAnomalies({ anomalies }: Measurement): number {
  if (isClean(anomalies)) return 0;
  return anomalies.wrongItems + ((anomalies.versionError ?? 0) === 0 ? 0 : 1);
}

function resultsOf(
  results: readonly Result[],
  system: SystemName,
  concurrency: number,
): readonly Result[] {
  return results.filter(({ turn }) => turn.system === system && turn.concurrency === concurrency);
}

function isQuiet({ measurement }: Result): boolean {
  return (measurement.foreignCores ?? 0) <= FOREIGN_CORES_MAX;
}

/** The quiet ones where there are at least two (or all are); otherwise all, and the row is noisy. */
function preferQuiet<T>(
  all: readonly T[],
  quiet: (candidate: T) => boolean,
): { chosen: readonly T[]; noisy: boolean } {
  const chosen = all.filter(quiet);
  if (chosen.length === all.length || chosen.length >= 2) return { chosen, noisy: false };
  return { chosen: all, noisy: true };
}

function pairWithBase(
  own: readonly Result[],
  base: readonly Result[],
): { ratio: number; quiet: boolean }[] {
  const baseByRound = new Map(base.map((result) => [result.turn.round, result]));
  return own.flatMap((result) => {
    const other = baseByRound.get(result.turn.round);
    if (other === undefined) return [];
    const ratio = result.measurement.txPerSecond / other.measurement.txPerSecond;
    return [{ ratio, quiet: isQuiet(result) && isQuiet(other) }];
  });
}

function ratioOf(ratios: readonly number[]): Ratio | undefined {
  if (ratios.length === 0) return undefined;
  return { median: median(ratios), min: Math.min(...ratios), max: Math.max(...ratios) };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[sorted.length >> 1] ?? Number.NaN;
  const lower = sorted[(sorted.length - 1) >> 1] ?? Number.NaN;
  return (lower + upper) / 2;
}
