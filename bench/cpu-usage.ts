import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';

/** Linux counts /proc/stat in hundredths of a second on every architecture Node runs on. */
const US_PER_TICK = 10_000;

/** CPU time consumed so far, in microseconds. */
export interface CpuUsage {
  readonly atMs: number;
  readonly nodeUs: number;
  /** The thread that runs the commands, where the server tells it apart; of all masters together. */
  readonly redisUs: number;
  readonly redisAllThreadsUs: number;
  /** All cores together; null where /proc/stat is missing. */
  readonly machineUs: number | null;
}

export async function readCpuUsage(servers: readonly Redis[]): Promise<CpuUsage> {
  const usages = await Promise.all(servers.map(readServerUsage));
  const node = process.cpuUsage();
  return {
    atMs: performance.now(),
    nodeUs: node.user + node.system,
    redisUs: usages.reduce((sum, { mainThreadUs }) => sum + mainThreadUs, 0),
    redisAllThreadsUs: usages.reduce((sum, { allThreadsUs }) => sum + allThreadsUs, 0),
    machineUs: readMachineUs(),
  };
}

async function readServerUsage(
  redis: Redis,
): Promise<{ mainThreadUs: number; allThreadsUs: number }> {
  const info = parseInfo(await redis.info('cpu'));
  const all = secondsOf(info, 'used_cpu_user') + secondsOf(info, 'used_cpu_sys');
  const mainThread =
    secondsOf(info, 'used_cpu_user_main_thread') + secondsOf(info, 'used_cpu_sys_main_thread');
  return {
    mainThreadUs: 1e6 * (Number.isNaN(mainThread) ? all : mainThread),
    allThreadsUs: 1e6 * all,
  };
}

/** Cores that others kept busy between two readings, on average, where ours took `nodeUs`. */
export function foreignCores(before: CpuUsage, after: CpuUsage, nodeUs: number): number | null {
  if (before.machineUs === null || after.machineUs === null) return null;
  const machine = after.machineUs - before.machineUs;
  const ours = nodeUs + after.redisAllThreadsUs - before.redisAllThreadsUs;
  return Math.max(0, machine - ours) / (1000 * (after.atMs - before.atMs));
}

function parseInfo(text: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const line of text.split('\r\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1));
  }
  return fields;
}

function secondsOf(info: ReadonlyMap<string, string>, field: string): number {
  const text = info.get(field);
  return text === undefined ? Number.NaN : Number(text);
}

function readMachineUs(): number | null {
  let line: string | undefined;
  try {
    line = readFileSync('/proc/stat', 'latin1').split('\n', 1)[0];
  } catch {
    return null;
  }
  const ticks = (line ?? '').split(/\s+/).slice(1, 9).map(Number);
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = ticks;
  return US_PER_TICK * (user + nice + system + irq + softirq + steal);
}
