import { Redis } from 'ioredis';
import { measureInProcesses } from './application-processes.js';
import { isClean, type Measurement, type MeasurementSpec } from './measurement.js';
import type { WorkloadOptions } from './options.js';
import type { Cores } from './pinning.js';
import { scheduleTurns, type Turn } from './schedule.js';
import { countAnomalies, type Result } from './summary.js';
import { CONTROL_SYSTEM } from './systems/registry.js';
import type { RedisUrls } from './systems/system.js';
import { WORKLOADS } from './workloads.js';

/** Few accounts and many calls: without concurrency control, updates are lost at once. */
const CONTROL = { accounts: 100, concurrency: 64, warmupSeconds: 0.1, seconds: 0.3 };

export interface ComparisonContext {
  readonly options: WorkloadOptions;
  readonly redisUrls: RedisUrls;
  readonly postgresUrl?: string | undefined;
  readonly cacheServers?: readonly string[] | undefined;
  readonly cores: Cores;
  readonly report: (line: string) => void;
}

export interface Comparison {
  readonly results: readonly Result[];
  /** Wrong accounts that the system without concurrency control produced over the whole run. */
  readonly controlAnomalies: number;
  /** What makes the bench fail, in words. */
  readonly failures: readonly string[];
}

/** Measures all systems in one interleaved run. */
export async function compare(context: ComparisonContext): Promise<Comparison> {
  const { options } = context;
  const results: Result[] = [];
  const failures: string[] = [];
  let controlAnomalies = countAnomalies(await measureControl(context));

  const turns = scheduleTurns(options.rounds, options.concurrencies, options.systems);
  for (const [index, turn] of turns.entries()) {
    const place = `${turn.system} at ${turn.concurrency} calls, round ${turn.round + 1}`;
    context.report(`${index + 1}/${turns.length}  ${place}`);
    try {
      const measurement = await measureTurn(context, turn);
      results.push({ turn, measurement });
      if (turn.system === CONTROL_SYSTEM) controlAnomalies += countAnomalies(measurement);
      else if (!isClean(measurement.anomalies)) failures.push(describe(place, measurement));
    } catch (error) {
      failures.push(`${place}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  if (controlAnomalies === 0) {
    failures.push(
      `The check is broken: ${CONTROL_SYSTEM} lost no update in the whole run, so the anomalies of ` +
        'the others would not be seen either.',
    );
  }
  return { results, controlAnomalies, failures };
}

async function measureControl(context: ComparisonContext): Promise<Measurement> {
  context.report(`control: ${CONTROL_SYSTEM} on ${CONTROL.accounts} accounts`);
  return await measure(context, { ...CONTROL, system: CONTROL_SYSTEM, seed: 0 });
}

async function measureTurn(context: ComparisonContext, turn: Turn): Promise<Measurement> {
  const { workload, warmupSeconds, seconds } = context.options;
  return await measure(context, {
    system: turn.system,
    accounts: WORKLOADS[workload].accounts,
    concurrency: turn.concurrency,
    warmupSeconds,
    seconds,
    seed: turn.round + 1,
  });
}

async function measure(
  context: ComparisonContext,
  spec: Omit<MeasurementSpec, 'workload' | 'redisUrls' | 'postgresUrl' | 'cacheServers'>,
): Promise<Measurement> {
  const { workload } = context.options;
  await Promise.all(context.redisUrls.map(flush));
  const complete: MeasurementSpec = {
    ...spec,
    workload,
    redisUrls: context.redisUrls,
    postgresUrl: context.postgresUrl,
    cacheServers: context.cacheServers,
  };
  const count = WORKLOADS[workload].processes ?? 1;
  // Several on one core would wait for each other, with their calls under way.
  const core = count > 1 ? undefined : context.cores.node;
  return await measureInProcesses(complete, { count, core });
}

async function flush(redisUrl: string): Promise<void> {
  const redis = new Redis(redisUrl);
  await redis.flushall('SYNC');
  await redis.quit();
}

function describe(place: string, { anomalies }: Measurement): string {
  const { wrongItems, sumError, versionError } = anomalies;
  const versions = versionError === null ? 'not counted' : `off by ${versionError}`;
  return (
    `${place} broke its invariants: ${wrongItems} items are wrong, ` +
    `the sum of all is off by ${sumError}, the sum of versions ${versions}.`
  );
}
