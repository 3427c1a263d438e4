import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { compare, type Comparison, type ComparisonContext } from './comparison.js';
import { runMemoryReport } from './memory-report.js';
import { type BenchOptions, HELP, readOptions, UsageError } from './options.js';
import { chooseCores } from './pinning.js';
import { type RedisServers, startRedisServer } from './redis-server.js';
import { FOREIGN_CORES_MAX, type Row, summarize } from './summary.js';
import { formatTable, toJsonRow } from './table.js';
import { CONTROL_SYSTEM } from './systems/registry.js';
import { WORKLOADS } from './workloads.js';

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2));
  if (options.help) {
    process.stdout.write(HELP);
    return;
  }
  const cores = chooseCores();
  const startServers = options.memory ? startRedisServer : WORKLOADS[options.workload].startServers;
  const servers = await startServers(cores.redis);
  try {
    print(
      `${describeServers(servers)}, Node ${process.version}, ${describeCores(cores.redis, options)}`,
    );
    if (options.memory) {
      await runMemoryReport({ redisUrl: servers.urls[0], core: cores.node, print });
    } else {
      const { urls: redisUrls, postgresUrl, cacheServers } = servers;
      const where = { redisUrls, postgresUrl, cacheServers };
      await runComparison({ options, ...where, cores, report: showProgress });
    }
  } finally {
    await servers.stop();
  }
}

async function runComparison(context: ComparisonContext): Promise<void> {
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
  if (options.json !== undefined) {
    const file = resolve(options.json);
    const json = rows.map((row) => toJsonRow(options.workload, row));
    writeFileSync(file, `${JSON.stringify(json, null, 2)}\n`);
    print(`Rows written to ${file}`);
  }
}

function printBlock(options: BenchOptions, concurrency: number, block: readonly Row[]): void {
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
  else print('Every other balance is exact.');
}

function describeServers({ urls, version }: RedisServers): string {
  return urls.length === 1 ? `Redis ${version}` : `Redis ${version} × ${urls.length} masters`;
}

function describeCores(redisCore: number | undefined, { workload }: BenchOptions): string {
  if (redisCore === undefined) return 'processes not pinned';
  return (WORKLOADS[workload].processes ?? 1) > 1
    ? 'Redis pinned to a core'
    : 'Redis and Node pinned to a core each';
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
