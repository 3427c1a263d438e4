// One measurement in a process of its own: what is asked comes as JSON in the first argument, what
// was found goes to the parent process as one message.
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { accountIds } from './accounts.js';
import { answerParent } from './child-process.js';
import { ClosedLoop } from './closed-loop.js';
import { foreignCores, readCpuUsage } from './cpu-usage.js';
import { findAnomalies } from './invariants.js';
import type { Measurement, MeasurementSpec } from './measurement.js';
import { loadSystem } from './systems/registry.js';
import type { System } from './systems/system.js';
import { WORKLOADS } from './workloads.js';

async function measure(spec: MeasurementSpec): Promise<Measurement> {
  const create = await loadSystem(WORKLOADS[spec.workload].systems, spec.system);
  const { redisUrls, postgresUrl, cacheServers, concurrency } = spec;
  const system = create({ redisUrls, postgresUrl, cacheServers, concurrency });
  const observers = spec.redisUrls.map((url) => new Redis(url));
  try {
    return await measureSystem(system, spec, observers);
  } finally {
    await system.close();
    await Promise.all(observers.map((observer) => observer.quit()));
  }
}

async function measureSystem(
  system: System,
  spec: MeasurementSpec,
  observers: readonly Redis[],
): Promise<Measurement> {
  const ids = accountIds(spec.accounts);
  await system.setup(ids);
  const stored = await system.check(ids);
  const loop = new ClosedLoop(system, { ...spec, ids, workload: WORKLOADS[spec.workload] });
  const attemptsAtStart = system.attempts;
  loop.start();

  await loop.during(sleep(1000 * spec.warmupSeconds));
  const before = await loop.during(readCpuUsage(observers));
  const commitsBefore = loop.commits;
  loop.recording = true;
  await loop.during(sleep(1000 * spec.seconds));
  loop.recording = false;
  const after = await loop.during(readCpuUsage(observers));
  const commits = loop.commits - commitsBefore;

  await loop.drain();
  const attempts = system.attempts - attemptsAtStart;
  const [p50Ms = Number.NaN, p99Ms = Number.NaN] = loop.latencies.percentiles(50, 99);
  return {
    txPerSecond: (1000 * commits) / (after.atMs - before.atMs),
    p50Ms,
    p99Ms,
    nodeUsPerTx: (after.nodeUs - before.nodeUs) / commits,
    redisUsPerTx: (after.redisUs - before.redisUs) / commits,
    conflictPercent: (100 * (attempts - loop.commits - loop.declined)) / attempts,
    foreignCores: foreignCores(before, after),
    anomalies: findAnomalies(stored, await system.check(ids), loop),
  };
}

await answerParent(measure);
