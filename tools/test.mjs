// npm test: installs what is missing, runs the tests, and ends with one line of totals.
//   --unit   only the specs beside the code; needs no server
//   --soak   the long runs of test/soak, with DTX_SOAK=1; DTX_SOAK_SHARE=0.05 shortens them
// Every other argument goes to jest.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureDependencies } from './dependencies.mjs';
import { fromRoot, root, runTool } from './root.mjs';
import { ensureServers, skippedLine } from './servers/servers.mjs';
import { totalsFileName, totalsLine, totalsOf } from './totals.mjs';

const kinds = {
  unit: ['--selectProjects', 'unit'],
  soak: ['--runInBand', '--selectProjects', 'soak'],
};

/**
 * The project comes last, because jest takes every word that follows the flag for one more project.
 * @param {string[]} args
 */
function toJestArguments(args) {
  const given = args.filter((arg) => arg !== '--unit' && arg !== '--soak');
  if (args.includes('--unit')) return [...given, ...kinds.unit];
  if (args.includes('--soak')) return [...given, ...kinds.soak];
  return given;
}

/**
 * @param {string[]} args
 * @param {string} folder of this run; servers keep what they share between tests there
 */
function environmentFor(args, folder) {
  const given = process.env['NODE_OPTIONS'] ?? '';
  const flags = '--experimental-vm-modules --disable-warning=ExperimentalWarning';
  return {
    ...process.env,
    ...(args.includes('--soak') ? { DTX_SOAK: '1' } : {}),
    DTX_TEST_FOLDER: folder,
    NODE_OPTIONS: `${given} ${flags}`.trim(),
  };
}

/**
 * Runs jest with its usual output.
 * @param {string[]} args
 */
function runJest(args) {
  const folder = mkdtempSync(join(tmpdir(), 'dtx-test-'));
  const jest = [fromRoot('node_modules/jest/bin/jest.js'), ...toJestArguments(args)];
  try {
    const { status } = spawnSync(process.execPath, jest, {
      cwd: root,
      env: environmentFor(args, folder),
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    return totalsOf(readTotals(join(folder, totalsFileName)), status);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * @param {string} path
 * @returns {import('./totals.mjs').Totals | undefined} undefined when the run broke off
 */
function readTotals(path) {
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined;
}

await runTool(() => {
  const args = process.argv.slice(2);
  ensureDependencies();
  if (!args.includes('--unit')) ensureServers();
  const totals = runJest(args);
  for (const [name, count] of Object.entries(totals.waiting)) {
    process.stdout.write(`${skippedLine(name, count)}\n`);
  }
  process.stdout.write(`${totalsLine(totals)}\n`);
  process.exitCode = totals.failed > 0 ? 1 : 0;
});
