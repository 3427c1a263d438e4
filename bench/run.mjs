// The entry of `npm run bench`: builds the library and the bench, then runs the bench.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const args = process.argv.slice(2);

/**
 * Runs a script to its end; where it fails, the bench ends with it.
 *
 * @param {string[]} script
 * @param {import('node:child_process').StdioOptions} stdio
 */
function run(script, stdio) {
  const { status, error } = spawnSync(process.execPath, script, { cwd: root, stdio });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}

// What the builds print goes to stderr: stdout holds the table alone.
run(['tools/build.mjs'], ['ignore', 2, 2]);
run(['node_modules/typescript/bin/tsc', '-p', 'bench/tsconfig.json'], ['ignore', 2, 2]);
run(['build/bench/main.js', ...args], 'inherit');
