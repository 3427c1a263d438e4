import { parseArgs } from 'node:util';
import type { SystemName } from './systems/registry.js';
import { WORKLOAD_NAMES, type WorkloadName, WORKLOADS } from './workloads.js';

export interface BenchOptions {
  readonly workload: WorkloadName;
  readonly systems: readonly SystemName[];
  readonly concurrencies: readonly number[];
  readonly rounds: number;
  readonly warmupSeconds: number;
  readonly seconds: number;
  readonly json: string | undefined;
  readonly memory: boolean;
  readonly help: boolean;
}

export const HELP = `npm run bench -- [options]

  --workload NAME        ${WORKLOAD_NAMES.join(', ')}
  --systems A,B          which systems to compare, all of the workload by default:
${WORKLOAD_NAMES.map(listSystems).join('\n')}
  --concurrency 1,64     how many calls run at once; 1,16,64,256 by default
  --rounds N             how often each system is measured; 5 by default
  --seconds S            how long each measurement lasts, after the warm-up; 1.5 by default
  --quick                two rounds of half a second, at 1 and 64 concurrent calls
  --json FILE            also write the rows as JSON
  --memory               measure memory and stored length instead
`;

const THOROUGH = { rounds: 5, seconds: 1.5, warmupSeconds: 0.8, concurrencies: [1, 16, 64, 256] };
const QUICK = { rounds: 2, seconds: 0.5, warmupSeconds: 0.3, concurrencies: [1, 64] };

/** A wrong argument: told to the user without a stack. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** @throws UsageError that names the argument, its value and what is allowed. */
export function readOptions(args: readonly string[]): BenchOptions {
  const { values } = parse(args);
  const defaults = values.quick ? QUICK : THOROUGH;
  const workload = oneOf('--workload', values.workload, WORKLOAD_NAMES);
  const known = WORKLOADS[workload].systems;
  return {
    workload,
    systems:
      values.systems === undefined
        ? known
        : listOf(values.systems).map((name) => oneOf('--systems', name, known)),
    concurrencies:
      values.concurrency === undefined
        ? defaults.concurrencies
        : listOf(values.concurrency).map((text) => integer('--concurrency', text, 4096)),
    rounds:
      values.rounds === undefined ? defaults.rounds : integer('--rounds', values.rounds, 1000),
    warmupSeconds: defaults.warmupSeconds,
    seconds: values.seconds === undefined ? defaults.seconds : secondsOf(values.seconds),
    json: values.json,
    memory: values.memory,
    help: values.help,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      strict: true,
      allowPositionals: false,
      options: {
        workload: { type: 'string', default: WORKLOAD_NAMES[0] },
        systems: { type: 'string' },
        concurrency: { type: 'string' },
        rounds: { type: 'string' },
        seconds: { type: 'string' },
        quick: { type: 'boolean', default: false },
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
