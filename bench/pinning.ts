import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** The cores Node and Redis run on; both undefined where processes cannot be pinned. */
export interface Cores {
  readonly node: number | undefined;
  readonly redis: number | undefined;
}

/** Picks the first two cores this process may use, where taskset exists to pin to them. */
export function chooseCores(): Cores {
  const none = { node: undefined, redis: undefined };
  try {
    execFileSync('taskset', ['--version'], { stdio: 'ignore' });
    const [node, redis] = allowedCores(readFileSync('/proc/self/status', 'latin1'));
    return redis === undefined ? none : { node, redis };
  } catch {
    return none;
  }
}

/** The command that runs `command` on that core only. */
export function pinned(
  command: string,
  args: readonly string[],
  core: number | undefined,
): { command: string; args: string[] } {
  if (core === undefined) return { command, args: [...args] };
  return { command: 'taskset', args: ['-c', String(core), command, ...args] };
}

/** Reads `Cpus_allowed_list: 0-1,4` as 0, 1, 4. */
function allowedCores(status: string): number[] {
  const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(status)?.[1] ?? '';
  return list.split(',').flatMap((range) => {
    const [first = Number.NaN, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, offset) => first + offset);
  });
}
