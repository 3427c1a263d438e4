import { readFileSync } from 'node:fs';

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
  const [, state] = /\) (\w)/.exec(read(`/proc/${pid}/stat`)) ?? [];
  return state === undefined || state === 'Z' || state === 'X';
}
