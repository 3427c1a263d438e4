import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { childrenOf, isGone } from './child-processes.js';
import { poll } from './poll.js';

/**
 * Reads from a pipe that closes when the owner dies, however it dies, and then kills the process with
 * its children, where Linux names them, and removes its folder. A line on the pipe says that there is
 * nothing left to guard.
 */
const guardScript = `read -r line || {
  kill -STOP "$1"
  kill -9 "$1" $(cat "/proc/$1/task/$1/children" 2>/dev/null)
  rm -rf "$2"
}`;

export interface GuardedProcessOptions {
  /** The user and group it runs as. */
  readonly account?: { readonly uid: number; readonly gid: number };
  /** The file that gets its output, replaced at every start. */
  readonly log?: string;
}

/**
 * A child process that never outlives its owner, not even when that is killed with SIGKILL, and that
 * is signalled only through its own handle.
 */
export class GuardedProcess {
  readonly #child: ChildProcess;
  readonly #guard: ChildProcess;
  readonly #exited: Promise<unknown>;

  /** @throws when the command cannot be started. */
  static async start(
    command: string,
    args: readonly string[],
    dir: string,
    { account, log }: GuardedProcessOptions = {},
  ): Promise<GuardedProcess> {
    const output = log === undefined ? undefined : await open(log, 'w');
    try {
      const to = output?.fd ?? 'ignore';
      const child = spawn(command, args, { cwd: dir, stdio: ['ignore', to, to], ...account });
      await once(child, 'spawn');
      return new GuardedProcess(child, dir);
    } finally {
      await output?.close();
    }
  }

  private constructor(child: ChildProcess, dir: string) {
    this.#child = child;
    this.#exited = once(child, 'exit');
    this.#guard = spawn('/bin/sh', ['-c', guardScript, 'guard', String(this.pid), dir], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
    this.#guard.stdin?.on('error', () => undefined);
    child.once('exit', () => this.#guard.stdin?.end('exited\n'));
    child.unref();
    this.#guard.unref();
  }

  get pid(): number {
    const { pid } = this.#child;
    if (pid === undefined) throw new Error('The process was never spawned');
    return pid;
  }

  get hasExited(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  signal(signal: NodeJS.Signals): void {
    if (!this.hasExited) this.#child.kill(signal);
  }

  /** Signals the process first, so that it starts no more children, and then those. */
  signalWithChildren(signal: NodeJS.Signals): void {
    this.signal(signal);
    for (const pid of childrenOf(this.pid)) killIfAlive(pid, signal);
  }

  /** SIGKILL for the process and its children at one moment, as when a machine dies. */
  async crash(deadlineMs: number): Promise<void> {
    if (this.hasExited) return;
    this.signal('SIGSTOP');
    const children = childrenOf(this.pid);
    await this.end('SIGKILL', deadlineMs);
    for (const pid of children) killIfAlive(pid, 'SIGKILL');
    const until = `the children of process ${this.pid} are gone`;
    await poll(() => (children.every(isGone) ? true : undefined), { deadlineMs, until });
  }

  /** Signals and waits for the exit; SIGKILL follows at the deadline. */
  async end(signal: NodeJS.Signals, deadlineMs: number): Promise<void> {
    if (this.hasExited) return;
    this.#child.ref();
    this.signal(signal);
    const deadline = new AbortController();
    const late = delay(deadlineMs, 'late', { signal: deadline.signal }).catch(() => 'cancelled');
    if ((await Promise.race([this.#exited, late])) === 'late') this.signal('SIGKILL');
    await this.#exited;
    deadline.abort();
  }
}

function killIfAlive(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended by itself.
  }
}

/** Whether a process with this id exists. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
