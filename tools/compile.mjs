// Compiles one TypeScript project with tsc and copies the files that tsc leaves behind.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, rmSync, statSync } from 'node:fs';
import { fromRoot, root } from './root.mjs';

/**
 * @typedef {object} Compilation
 * @property {string} project the tsconfig file
 * @property {string} source the folder compiled
 * @property {string} output the folder written; emptied first
 * @property {(path: string) => boolean} isAsset which other files go along
 */

/** @param {Compilation} compilation */
export function compile({ project, source, output, isAsset }) {
  rmSync(fromRoot(output), { recursive: true, force: true });
  const tsc = fromRoot('node_modules/typescript/bin/tsc');
  const { status } = spawnSync(process.execPath, [tsc, '-p', project], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (status !== 0) throw new Error(`Compiling ${source}/ failed.`);
  cpSync(fromRoot(source), fromRoot(output), {
    recursive: true,
    filter: (path) => statSync(path).isDirectory() || isAsset(path),
  });
}

/** lib/ to dist/, with the Lua scripts next to the code that reads them. */
export function compileLibrary() {
  compile({
    project: 'tsconfig.build.json',
    source: 'lib',
    output: 'dist',
    isAsset: (path) => path.endsWith('.lua'),
  });
}

/** sample/ to build/sample/, with pages and other static files. */
export function compileSamples() {
  compile({
    project: 'tsconfig.sample.json',
    source: 'sample',
    output: 'build/sample',
    isAsset: (path) => !path.endsWith('.ts'),
  });
}

/**
 * The compiled entry of a sample.
 * @param {string} name the sample's folder
 */
export function compiledSample(name) {
  const entry = fromRoot(`build/sample/${name}/main.js`);
  if (!existsSync(entry)) throw new Error(`sample/${name} has no main.ts.`);
  return entry;
}
