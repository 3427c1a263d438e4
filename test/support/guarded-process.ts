import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * Reads from a pipe that closes when the owner dies, however it dies, and then kills the process and
 * removes its folder. A line on the pipe says that there is nothing left to guard.
 */
const guardScript = 'read -r line || { kill -9 "$1"; rm -rf "$2"; }';

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
  ): Promise<GuardedProcess> {
    const child = spawn(command, args, { cwd: dir, stdio: 'ignore' });
    await once(child, 'spawn');
    return new GuardedProcess(child, dir);
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

/** Whether a process with this id exists. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
