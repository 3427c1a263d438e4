import { type ChildProcess as NodeChild, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { pinned } from './pinning.js';

export interface ChildOptions {
  /** The compiled script, beside this file. */
  readonly script: string;
  readonly core: number | undefined;
  readonly nodeFlags?: readonly string[];
}

const END_TIMEOUT_MS = 15_000;

/**
 * In the child: answers every question of the parent, and tells in a line what went wrong, which
 * ends it. Closes when the parent has no more questions.
 */
export function answerParent<Q>(
  answer: (question: Q) => Promise<object>,
  close?: () => Promise<void>,
): void {
  process.on('message', (question) => {
    answer(question as Q).then((found) => process.send?.(found), fail);
  });
  process.once('disconnect', () => void close?.().catch(fail));
}

function fail(error: unknown): never {
  const { message, stack = '' } = error instanceof Error ? error : new Error(String(error));
  const place = /\n\s+at (.+)/.exec(stack)?.[1] ?? 'no stack';
  process.stderr.write(`${message} (at ${place})\n`);
  process.exit(1);
}

/** In the parent: a script in a process of its own that answers one question after the other. */
export class ChildProcess {
  readonly #script: string;
  readonly #child: NodeChild;
  /** How it ended, such as `code 0`. */
  readonly #ending: Promise<string>;
  readonly #kill = (): void => void this.#child.kill('SIGKILL');
  #complaints = '';

  constructor({ script, core, nodeFlags = [] }: ChildOptions) {
    this.#script = script;
    const path = fileURLToPath(new URL(script, import.meta.url));
    const { command, args } = pinned(process.execPath, [...nodeFlags, path], core);
    this.#child = spawn(command, args, {
      stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
      // Samples travel as typed arrays.
      serialization: 'advanced',
    });
    process.once('exit', this.#kill);
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#complaints = (this.#complaints + text).slice(-4000);
    });
    this.#ending = new Promise<string>((resolve) => {
      this.#child.once('error', (error) => resolve(error.message));
      // Not 'close', which Node does not emit where the parent has disconnected.
      const complained = new Promise((told) => this.#child.stderr?.once('close', told));
      this.#child.once('exit', (code, signal) => {
        void complained.then(() => resolve(signal ?? `code ${code}`));
      });
    });
    void this.#ending.then(() => process.off('exit', this.#kill));
  }

  /** @throws Error with what the child complained of, when it ends instead of answering. */
  async ask<T>(question: object, timeoutMs: number): Promise<T> {
    const timer = setTimeout(this.#kill, timeoutMs);
    try {
      return await new Promise<T>((resolve, reject) => {
        this.#child.once('message', (found) => resolve(found as T));
        void this.#ending.then((ending) => reject(this.#failure(ending)));
        // What cannot be sent shows in the ending.
        this.#child.send(question, () => undefined);
      });
    } finally {
      clearTimeout(timer);
    }
  }

  /** Lets it close, and kills it when it does not. */
  async end(): Promise<void> {
    const timer = setTimeout(this.#kill, END_TIMEOUT_MS);
    if (this.#child.connected) this.#child.disconnect();
    const ending = await this.#ending;
    clearTimeout(timer);
    if (ending !== 'code 0') throw this.#failure(ending);
  }

  #failure(ending: string): Error {
    return new Error(`${this.#script} ended with ${ending}: ${this.#complaints.trim()}`);
  }
}
