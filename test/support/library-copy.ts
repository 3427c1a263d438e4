import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { transformSync, type Options } from '@swc/core';

const root = fileURLToPath(new URL('../..', import.meta.url));
const swc = JSON.parse(readFileSync(join(root, '.swcrc'), 'utf8')) as Options & {
  readonly $schema?: string;
};

/** A change of one file: the text has to occur exactly once. */
export interface Patch {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

export interface ChildRun {
  readonly child: ChildProcess;
  /** The report that the process sent. @throws when it ended without one. */
  readonly report: Promise<unknown>;
  /** Asks a worker that listens to end its work and to report. */
  readonly stop: () => void;
}

/**
 * lib/ and the test support as JavaScript in a temporary folder, so that plain Node processes can run
 * them: transpiled file by file with the settings of the specs, which needs no build and takes half a
 * second. A copy of the copy can be changed without touching the tree.
 */
export class LibraryCopy {
  readonly #children = new Set<ChildProcess>();

  private constructor(readonly dir: string) {}

  static create(): LibraryCopy {
    const copy = new LibraryCopy(mkdtempSync(join(tmpdir(), 'dtx-library-')));
    for (const folder of ['lib', 'tools', 'test/support', 'test/workers', 'test/mutants']) {
      for (const file of filesBelow(folder))
        copy.#put(file, readFileSync(join(root, file), 'utf8'));
    }
    writeFileSync(join(copy.dir, 'package.json'), '{ "type": "module" }');
    symlinkSync(join(root, 'node_modules'), join(copy.dir, 'node_modules'));
    return copy;
  }

  /** A further copy that differs in one place. @throws when the text does not occur exactly once. */
  withPatch({ file, find, replace }: Patch): LibraryCopy {
    const text = readFileSync(join(root, file), 'utf8');
    const found = text.split(find).length - 1;
    if (found !== 1) throw new Error(`${file} has ${found} places like ${JSON.stringify(find)}.`);
    const copy = new LibraryCopy(mkdtempSync(join(tmpdir(), 'dtx-mutant-')));
    cpSync(this.dir, copy.dir, { recursive: true, verbatimSymlinks: true });
    copy.#put(
      file,
      text.replace(find, () => replace),
    );
    return copy;
  }

  /** Runs a file of the copy in a process of its own, which ends at the latest with this one. */
  start(file: string, config: unknown): ChildRun {
    const child = fork(join(this.dir, toJavaScript(file)), [JSON.stringify(config)], {
      env: { ...process.env, NODE_OPTIONS: '' },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.#children.add(child);
    child.once('close', () => this.#children.delete(child));
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => (output += chunk.toString()));
    }
    let report: unknown;
    child.on('message', (message) => (report = message));
    const stop = (): void => void (child.connected && child.send('stop'));
    const ended = once(child, 'close').then(() => {
      if (report !== undefined && child.exitCode === 0) return report;
      throw new Error(`${file} ended with ${child.exitCode ?? child.signalCode}:\n${output}`);
    });
    ended.catch(() => undefined);
    return { child, report: ended, stop };
  }

  /** Ends the processes that are still running, too. */
  remove(): void {
    for (const child of this.#children) child.kill('SIGKILL');
    rmSync(this.dir, { recursive: true, force: true });
  }

  #put(file: string, text: string): void {
    const path = join(this.dir, toJavaScript(file));
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, file.endsWith('.ts') ? transpile(file, text) : text);
  }
}

/** Resolves when a worker has sent this. @throws when its process ends before. */
export async function untilSaid({ child, report }: ChildRun, word: string): Promise<void> {
  const said = new Promise<void>((resolve) => {
    child.on('message', (message) => {
      if (message === word) resolve();
    });
  });
  await Promise.race([said, report]);
}

function filesBelow(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && !/\.(spec|d)\.ts$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length));
}

function toJavaScript(file: string): string {
  return file.replace(/\.ts$/, '.js');
}

function transpile(file: string, text: string): string {
  const { $schema: _, ...options } = swc;
  return transformSync(text, { ...options, filename: join(root, file), swcrc: false }).code;
}
