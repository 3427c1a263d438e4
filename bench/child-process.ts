import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { pinned } from './pinning.js';

export interface ChildOptions {
  /** The compiled script, beside this file. */
  readonly script: string;
  /** Passed on as JSON. */
  readonly spec: object;
  readonly core: number | undefined;
  readonly timeoutMs: number;
  readonly nodeFlags?: readonly string[];
}

/** In the child: does the work and sends its result, or tells in a line what went wrong. */
export async function answerParent<S>(work: (spec: S) => Promise<object>): Promise<void> {
  try {
    process.send?.(await work(JSON.parse(process.argv[2] ?? '') as S));
  } catch (error) {
    const { message, stack = '' } = error instanceof Error ? error : new Error(String(error));
    const place = /\n\s+at (.+)/.exec(stack)?.[1] ?? 'no stack';
    process.stderr.write(`${message} (at ${place})\n`);
    process.exitCode = 1;
  } finally {
    process.disconnect?.();
  }
}

/** In the parent: runs a script in a process of its own and resolves to the one message it sends. */
export async function runChild<T>(options: ChildOptions): Promise<T> {
  const script = fileURLToPath(new URL(options.script, import.meta.url));
  const nodeArgs = [...(options.nodeFlags ?? []), script, JSON.stringify(options.spec)];
  const { command, args } = pinned(process.execPath, nodeArgs, options.core);
  const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'pipe', 'ipc'] });
  const timer = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs);
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  let found: T | undefined;
  let complaints = '';
  child.on('message', (message) => {
    found = message as T;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    complaints = (complaints + text).slice(-4000);
  });
  try {
    const disconnected = new Promise((resolve) => child.once('disconnect', resolve));
    const ending = await new Promise<string>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => resolve(signal ?? `code ${code}`));
    });
    await disconnected;
    if (found !== undefined && ending === 'code 0') return found;
    throw new Error(`${options.script} ended with ${ending}: ${complaints.trim()}`);
  } finally {
    clearTimeout(timer);
    process.off('exit', kill);
  }
}
