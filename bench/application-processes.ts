import { ChildProcess } from './child-process.js';
import { foreignCores } from './cpu-usage.js';
import type {
  Anomalies,
  CallTotals,
  Measurement,
  MeasurementSpec,
  ProcessReport,
  Question,
} from './measurement.js';
import { percentiles } from './samples.js';

/** What a step of a child may take beyond its warm-up and its measurement. */
const STEP_GRACE_MS = 60_000;

export interface Processes {
  /** How many share the calls. */
  readonly count: number;
  readonly core: number | undefined;
}

/** Measures with application processes of their own, which start their calls at the same time. */
export async function measureInProcesses(
  spec: MeasurementSpec,
  { count, core }: Processes,
): Promise<Measurement> {
  const children = Array.from(
    { length: count },
    () => new ChildProcess({ script: './measure.js', core }),
  );
  try {
    return await measureWith(children, spec);
  } finally {
    await Promise.all(children.map((child) => child.end()));
  }
}

async function measureWith(
  children: readonly ChildProcess[],
  spec: MeasurementSpec,
): Promise<Measurement> {
  const runMs = 1000 * (spec.warmupSeconds + spec.seconds);
  const ask = <T>(child: ChildProcess, question: Question): Promise<T> =>
    child.ask<T>(question, runMs + STEP_GRACE_MS);
  // One after the other: the first stores what the others find.
  for (const [nth, child] of children.entries()) {
    const role = nth === 0 ? 'first' : 'other';
    await ask(child, { step: 'open', spec: shareOf(spec, nth, children.length), role });
  }
  const reports = await Promise.all(
    children.map((child) => ask<ProcessReport>(child, { step: 'run' })),
  );
  const works = reports.map(({ work }) => work);
  const anomalies = await ask<Anomalies>(children[0]!, { step: 'check', works });
  return { ...together(reports), anomalies };
}

/** Part of the calls, with a seed of its own. */
function shareOf(spec: MeasurementSpec, nth: number, count: number): MeasurementSpec {
  const concurrency = Math.floor((spec.concurrency + count - 1 - nth) / count);
  return { ...spec, concurrency, seed: spec.seed * count + nth };
}

function together(reports: readonly ProcessReport[]): Omit<Measurement, 'anomalies'> {
  const [first] = reports as readonly [ProcessReport, ...ProcessReport[]];
  const commits = sumOf(reports, (report) => report.commitsMeasured);
  const nodeUs = sumOf(reports, ({ before, after }) => after.nodeUs - before.nodeUs);
  const [p50Ms = Number.NaN, p99Ms = Number.NaN] = percentiles(
    reports.map(({ latenciesMs }) => latenciesMs),
    50,
    99,
  );
  const [attemptsP99 = Number.NaN, attemptsMax = Number.NaN] = percentiles(
    reports.map(({ attemptsPerCall }) => attemptsPerCall),
    99,
    100,
  );
  return {
    txPerSecond: sumOf(reports, throughputOf),
    p50Ms,
    p99Ms,
    nodeUsPerTx: nodeUs / commits,
    // All processes look at the same servers within the same window.
    redisUsPerTx: (first.after.redisUs - first.before.redisUs) / commits,
    conflictPercent: conflictPercentOf(reports.map(({ totals }) => totals)),
    attemptsP99,
    attemptsMax,
    gaveUp: sumOf(reports, ({ totals }) => totals.gaveUp),
    foreignCores: foreignCores(first.before, first.after, nodeUs),
  };
}

function throughputOf({ before, after, commitsMeasured }: ProcessReport): number {
  return (1000 * commitsMeasured) / (after.atMs - before.atMs);
}

function conflictPercentOf(totals: readonly CallTotals[]): number {
  const attempts = sumOf(totals, (total) => total.attempts);
  const answered = sumOf(totals, ({ commits, declined }) => commits + declined);
  return (100 * (attempts - answered)) / attempts;
}

function sumOf<T>(all: readonly T[], of: (one: T) => number): number {
  return all.reduce((sum, one) => sum + of(one), 0);
}
