import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { compare, type Comparison, type ComparisonContext } from './comparison.js';
import { runMemoryReport } from './memory-report.js';
import {
  type BenchOptions,
  HELP,
  readOptions,
  UsageError,
  type WorkloadOptions,
} from './options.js';
import { chooseCores, type Cores } from './pinning.js';
import { type RedisServers, startRedisServer } from './redis-server.js';
import { FOREIGN_CORES_MAX, type Row, summarize } from './summary.js';
import { formatTable, toJsonRow } from './table.js';
import { CONTROL_SYSTEM } from './systems/registry.js';
import { type StartServers, WORKLOADS } from './workloads.js';

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2));
  if (options.help) {
    process.stdout.write(HELP);
    return;
  }
  const cores = chooseCores();
  if (options.memory) {
    await withServers(startRedisServer, cores, async ({ urls }) => {
      await runMemoryReport({ redisUrl: urls[0], core: cores.node, print });
    });
    return;
  }
  print(`Takes ${describeDuration(options)}.`);
  const rows: object[] = [];
  for (const workload of options.workloads) rows.push(...(await runWorkload(workload, cores)));
  writeRows(options, rows);
}

async function withServers<T>(
  start: StartServers,
  cores: Cores,
  use: (servers: RedisServers) => Promise<T>,
): Promise<T> {
  const servers = await start(cores.redis);
  try {
    return await use(servers);
  } finally {
    await servers.stop();
  }
}

/** Returns the rows as `--json` has them. */
async function runWorkload(options: WorkloadOptions, cores: Cores): Promise<object[]> {
  const { startServers } = WORKLOADS[options.workload];
  return await withServers(startServers, cores, async (servers) => {
    const { urls: redisUrls, postgresUrl, cacheServers } = servers;
    print(
      `\n${describeServers(servers)}, Node ${process.version}, ${describeCores(cores, options)}`,
    );
    const where = { redisUrls, postgresUrl, cacheServers };
    return await runComparison({ options, ...where, cores, report: showProgress });
  });
}

async function runComparison(context: ComparisonContext): Promise<object[]> {
  const { options } = context;
  const comparison = await compare(context);
  showProgress('');
  const { base } = WORKLOADS[options.workload];
  const rows: Row[] = [];
  for (const concurrency of options.concurrencies) {
    const block = options.systems
      .map((system) => summarize(comparison.results, { system, base, concurrency }))
      .filter((row) => row !== undefined);
    rows.push(...block);
    printBlock(options, concurrency, block);
  }
  printFindings(rows, comparison);
  return rows.map((row) => toJsonRow(options.workload, row));
}

function writeRows(options: BenchOptions, rows: readonly object[]): void {
  if (options.json === undefined) return;
  const file = resolve(options.json);
  writeFileSync(file, `${JSON.stringify(rows, null, 2)}\n`);
  print(`Rows written to ${file}`);
}

function printBlock(options: WorkloadOptions, concurrency: number, block: readonly Row[]): void {
  const { accounts, base, noun = 'accounts' } = WORKLOADS[options.workload];
  print(
    `\n${options.workload}: ${concurrency} concurrent ${concurrency === 1 ? 'call' : 'calls'}, ` +
      `${accounts.toLocaleString('en-US')} ${noun}, medians of ${options.rounds} × ${options.seconds} s`,
  );
  print(formatTable(block, base));
}

function printFindings(rows: readonly Row[], comparison: Comparison): void {
  print('');
  if (rows.some((row) => row.noisy)) {
    print(
      `* fewer than two rounds had less than ${FOREIGN_CORES_MAX} cores of foreign load: ` +
        'read the CPU columns, not the throughput',
    );
  }
  print(`Control: ${CONTROL_SYSTEM} left ${comparison.controlAnomalies} items wrong, as it must.`);
  for (const failure of comparison.failures) process.stderr.write(`FAILED: ${failure}\n`);
  if (comparison.failures.length > 0) process.exitCode = 1;
  else print(describeSums(comparison));
}

function describeServers({ urls, version }: RedisServers): string {
  return urls.length === 1 ? `Redis ${version}` : `Redis ${version} × ${urls.length} masters`;
}

function describeCores(cores: Cores, { workload }: WorkloadOptions): string {
  if (cores.redis === undefined) return 'processes not pinned';
  return (WORKLOADS[workload].processes ?? 1) > 1
    ? 'Redis pinned to a core'
    : 'Redis and Node pinned to a core each';
}

function describeSums({ results }: Comparison): string {
  const others = results.filter(({ turn }) => turn.system !== CONTROL_SYSTEM);
  const counted = others.filter(({ measurement }) => measurement.anomalies.versionError !== null);
  return (
    `Every other balance is exact, and so are the sums: of balances after all ${others.length} measurements, ` +
    `of versions after the ${counted.length} of layouts that count them.`
  );
}

/** What a measurement takes besides: its process, its items, reading them back. */
const OVERHEAD_SECONDS = 0.5;

function describeDuration({ workloads }: BenchOptions): string {
  const seconds = workloads.reduce((sum, { systems, concurrencies, rounds, ...each }) => {
    const turns = 1 + systems.length * concurrencies.length * rounds;
    return sum + turns * (each.warmupSeconds + each.seconds + OVERHEAD_SECONDS);
  }, 0);
  return seconds < 90 ? `some ${Math.ceil(seconds)} s` : `some ${Math.ceil(seconds / 60)} minutes`;
}

function showProgress(line: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001B[K${line}`);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

try {
  await main();
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(error instanceof UsageError ? `${message}\n\n${HELP}` : `${message}\n`);
  process.exitCode = 1;
}
