import { parseArgs } from 'node:util';
import type { SystemName } from './systems/registry.js';
import { ONE_REDIS_WORKLOADS, WORKLOAD_NAMES, type WorkloadName, WORKLOADS } from './workloads.js';

/** One table of the bench. */
export interface WorkloadOptions {
  readonly workload: WorkloadName;
  readonly systems: readonly SystemName[];
  readonly concurrencies: readonly number[];
  readonly rounds: number;
  readonly warmupSeconds: number;
  readonly seconds: number;
}

export interface BenchOptions {
  /** What is measured, one after the other. */
  readonly workloads: readonly WorkloadOptions[];
  readonly json: string | undefined;
  readonly memory: boolean;
  readonly help: boolean;
}

export const HELP = `npm run bench -- [options]

  --workload A,B         ${WORKLOAD_NAMES.join(', ')};
                         ${WORKLOAD_NAMES[0]} by default
  --systems A,B          which systems to compare, all of each workload by default:
${WORKLOAD_NAMES.map(listSystems).join('\n')}
  --concurrency 1,64     how many calls run at once; 1,16,64,256 by default
  --rounds N             how often each system is measured; 5 by default
  --seconds S            how long each measurement lasts, after the warm-up; 1.5 by default
  --quick                whether everything runs: one round of 0.2 s at 16 calls, of all workloads of one Redis
                         where none is named; its figures say nothing
  --full                 six rounds, the same workloads: more than an hour
  --json FILE            also write the rows as JSON
  --memory               measure memory and stored length instead
`;

const THOROUGH = { rounds: 5, seconds: 1.5, warmupSeconds: 0.8, concurrencies: [1, 16, 64, 256] };
/** The lowest and the highest of six rounds hold the median with 97 per cent. */
const FULL = { ...THOROUGH, rounds: 6 };
const QUICK = { rounds: 1, seconds: 0.2, warmupSeconds: 0.1, concurrencies: [16] };

/** A wrong argument: told to the user without a stack. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** @throws UsageError that names the argument, its value and what is allowed. */
export function readOptions(args: readonly string[]): BenchOptions {
  const { values } = parse(args);
  if (values.quick && values.full) throw new UsageError('--quick and --full exclude each other.');
  const defaults = defaultsOf(values);
  const measuring = {
    concurrencies:
      values.concurrency === undefined
        ? defaults.concurrencies
        : listOf(values.concurrency).map((text) => integer('--concurrency', text, 4096)),
    rounds:
      values.rounds === undefined ? defaults.rounds : integer('--rounds', values.rounds, 1000),
    seconds: values.seconds === undefined ? defaults.seconds : secondsOf(values.seconds),
  };
  const workloads =
    values.workload === undefined
      ? defaults.workloads
      : listOf(values.workload).map((name) => oneOf('--workload', name, WORKLOAD_NAMES));
  return {
    workloads: chooseSystems(workloads, values.systems).map((chosen) => ({
      ...chosen,
      ...measuring,
      warmupSeconds: defaults.warmupSeconds * (WORKLOADS[chosen.workload].warmUps ?? 1),
    })),
    json: values.json,
    memory: values.memory,
    help: values.help,
  };
}

function defaultsOf({ quick, full }: { readonly quick: boolean; readonly full: boolean }) {
  if (quick) return { ...QUICK, workloads: ONE_REDIS_WORKLOADS };
  if (full) return { ...FULL, workloads: ONE_REDIS_WORKLOADS };
  return { ...THOROUGH, workloads: [WORKLOAD_NAMES[0]] };
}

/** Of every workload the systems that are asked for; those that it has none of are left out. */
function chooseSystems(
  workloads: readonly WorkloadName[],
  text: string | undefined,
): Pick<WorkloadOptions, 'workload' | 'systems'>[] {
  const known = [...new Set(workloads.flatMap((name) => WORKLOADS[name].systems))];
  const asked =
    text === undefined ? known : listOf(text).map((name) => oneOf('--systems', name, known));
  const chosen = workloads
    .map((workload) => ({
      workload,
      systems: WORKLOADS[workload].systems.filter((name) => asked.includes(name)),
    }))
    .filter(({ systems }) => systems.length > 0);
  if (chosen.length === 0) throw new UsageError('There is nothing to measure.');
  return chosen;
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      strict: true,
      allowPositionals: false,
      options: {
        workload: { type: 'string' },
        systems: { type: 'string' },
        concurrency: { type: 'string' },
        rounds: { type: 'string' },
        seconds: { type: 'string' },
        quick: { type: 'boolean', default: false },
        full: { type: 'boolean', default: false },
        json: { type: 'string' },
        memory: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

function listSystems(workload: WorkloadName): string {
  const indent = ' '.repeat(25);
  const names = WORKLOADS[workload].systems.map((name) => `${indent}  ${name}`);
  return [`${indent}${workload}`, ...names].join('\n');
}

function listOf(text: string): string[] {
  const items = text.split(',').map((item) => item.trim());
  return [...new Set(items.filter((item) => item !== ''))];
}

function oneOf<T extends string>(option: string, value: string, allowed: readonly T[]): T {
  const found = allowed.find((name) => name === value);
  if (found !== undefined) return found;
  throw new UsageError(`${option} ${value}: allowed are ${allowed.join(', ')}.`);
}

function integer(option: string, text: string, max: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= max) return value;
  throw new UsageError(`${option} ${text}: a whole number from 1 to ${max} is allowed.`);
}

function secondsOf(text: string): number {
  const value = Number(text);
  if (value >= 0.1 && value <= 600) return value;
  throw new UsageError(`--seconds ${text}: a number from 0.1 to 600 is allowed.`);
}
