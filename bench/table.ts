import type { Ratio, Row } from './summary.js';

/** One block of the table: all systems at one concurrency, the names left, the numbers right. */
export function formatTable(rows: readonly Row[], base: string): string {
  const headings = headingsOf(base);
  const lines = [headings, ...rows.map(cellsOf)];
  const widths = headings.map((_, column) =>
    Math.max(...lines.map((cells) => cells[column]?.length ?? 0)),
  );
  const formatted = lines.map((cells) =>
    cells
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return column === 0 ? cell.padEnd(width) : cell.padStart(width);
      })
      .join('  '),
  );
  formatted.splice(1, 0, widths.map((width) => '─'.repeat(width)).join('  '));
  return formatted.join('\n');
}

/** The row as `--json` writes it. */
export function toJsonRow(workload: string, row: Row): object {
  return {
    workload,
    system: row.system,
    concurrency: row.concurrency,
    txPerSecond: rounded(row.txPerSecond, 1),
    ratio: row.ratio,
    p50Ms: rounded(row.p50Ms, 4),
    p99Ms: rounded(row.p99Ms, 4),
    nodeUsPerTx: rounded(row.nodeUsPerTx, 2),
    redisUsPerTx: rounded(row.redisUsPerTx, 2),
    attemptsP99: row.attemptsP99,
    attemptsMax: row.attemptsMax,
    gaveUp: row.gaveUp,
    anomalies: row.anomalies,
  };
}

function headingsOf(base: string): string[] {
  return [
    'system',
    'tx/s',
    `× ${base}`,
    'p50 ms',
    'p99 ms',
    'Node µs/tx',
    'Redis µs/tx',
    'conflicts %',
    'attempts p99, max',
    'gave up',
    'anomalies',
  ];
}

function cellsOf(row: Row): string[] {
  return [
    row.system + (row.noisy ? ' *' : ''),
    Math.round(row.txPerSecond).toLocaleString('en-US'),
    formatRatio(row.ratio),
    row.p50Ms.toFixed(2),
    row.p99Ms.toFixed(2),
    row.nodeUsPerTx.toFixed(1),
    row.redisUsPerTx.toFixed(1),
    row.conflictPercent.toFixed(2),
    `${row.attemptsP99}, ${row.attemptsMax}`,
    String(row.gaveUp),
    String(row.anomalies),
  ];
}

function formatRatio(ratio: Ratio | undefined): string {
  if (ratio === undefined) return '–';
  return `${ratio.median.toFixed(2)} [${ratio.min.toFixed(2)}–${ratio.max.toFixed(2)}]`;
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
