import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { poll } from './poll.js';

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** The processes that this one started, as far as the system tells: Linux does, others name none. */
export function childrenOf(pid: number): number[] {
  return read(`/proc/${pid}/task/${pid}/children`).split(' ').filter(Boolean).map(Number);
}

/** Whether a process that is nobody's child here, and may stay unreaped, still does anything. */
export function isGone(pid: number): boolean {
  const state = stateIn(read(`/proc/${pid}/stat`));
  return state === undefined || state === 'Z' || state === 'X';
}

/**
 * Waits until no thread of a process runs any more after SIGSTOP, which takes a while to reach them all. Only Linux
 * tells; elsewhere there is nothing to wait for.
 */
export async function untilStopped(pid: number): Promise<void> {
  const tasks = `/proc/${pid}/task`;
  if (!existsSync(tasks)) return;
  await poll(
    () => {
      const states = readdirSync(tasks).map((task) => stateIn(read(`${tasks}/${task}/stat`)));
      return states.every((state) => state === 'T') ? true : undefined;
    },
    { deadlineMs: 5_000, intervalMs: 1, until: `process ${pid} is stopped` },
  );
}

function stateIn(stat: string): string | undefined {
  return /\) (\w)/.exec(stat)?.[1];
}
