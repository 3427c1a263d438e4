// npm test: installs what is missing, runs the tests, and ends with one line of totals.
//   --unit   only the specs beside the code; needs no server
//   --soak   the long runs of test/soak, with DTX_SOAK=1; DTX_SOAK_SHARE=0.05 shortens them
// Every other argument goes to jest.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureDependencies } from './dependencies.mjs';
import { ensureRedisServer } from './redis-binary.mjs';
import { fromRoot, root, runTool } from './root.mjs';
import { totalsLine, totalsOf } from './totals.mjs';

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
 * @param {string} totalsFile
 */
function environmentFor(args, totalsFile) {
  const given = process.env['NODE_OPTIONS'] ?? '';
  const flags = '--experimental-vm-modules --disable-warning=ExperimentalWarning';
  return {
    ...process.env,
    ...(args.includes('--soak') ? { DTX_SOAK: '1' } : {}),
    DTX_TEST_TOTALS: totalsFile,
    NODE_OPTIONS: `${given} ${flags}`.trim(),
  };
}

/**
 * Runs jest with its usual output.
 * @param {string[]} args
 */
function runJest(args) {
  const folder = mkdtempSync(join(tmpdir(), 'dtx-totals-'));
  const totalsFile = join(folder, 'totals.json');
  const jest = [fromRoot('node_modules/jest/bin/jest.js'), ...toJestArguments(args)];
  try {
    const { status } = spawnSync(process.execPath, jest, {
      cwd: root,
      env: environmentFor(args, totalsFile),
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    return totalsOf(readTotals(totalsFile), status);
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
  if (!args.includes('--unit')) ensureRedisServer();
  const totals = runJest(args);
  if (totals.skippedForRedis > 0) {
    const reason = 'redis-server is missing and could not be installed';
    process.stdout.write(`${reason}: ${totals.skippedForRedis} tests skipped for it.\n`);
  }
  process.stdout.write(`${totalsLine(totals)}\n`);
  process.exitCode = totals.failed > 0 ? 1 : 0;
});
