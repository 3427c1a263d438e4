import { ChildProcess } from './child-process.js';

const TRANSACTIONS = 10_000;
const TIMEOUT_MS = 120_000;

export interface MemorySpec {
  readonly redisUrl: string;
  /** How many transactions are open at the same time. */
  readonly transactions: number;
}

export interface MemoryFindings {
  /** Heap held by one open transaction that has read two items and written two, in bytes. */
  readonly heldPerTransaction: number;
  /** What the JSON of its two items read and two items written takes of that. */
  readonly valuesPerTransaction: number;
  /** Stored bytes of an item above its JSON: the median and the largest. */
  readonly itemOverheadMedian: number;
  readonly itemOverheadMax: number;
}

export interface MemoryReportContext {
  readonly redisUrl: string;
  readonly core: number | undefined;
  readonly print: (line: string) => void;
}

export async function runMemoryReport(context: MemoryReportContext): Promise<void> {
  const spec: MemorySpec = { redisUrl: context.redisUrl, transactions: TRANSACTIONS };
  const child = new ChildProcess({
    script: './memory.js',
    core: context.core,
    nodeFlags: ['--expose-gc'],
  });
  const found = await child.ask<MemoryFindings>(spec, TIMEOUT_MS);
  await child.end();
  const beyond = found.heldPerTransaction - found.valuesPerTransaction;
  context.print(`
Heap of one transaction in flight (2 items read, 2 written; ${TRANSACTIONS} open at once)
  held in all             ${bytes(found.heldPerTransaction)}
  the JSON of its values  ${bytes(found.valuesPerTransaction)}
  beyond its values       ${bytes(beyond)}

Stored length of an item above its JSON
  median                  ${bytes(found.itemOverheadMedian)}
  largest                 ${bytes(found.itemOverheadMax)}`);
}

function bytes(count: number): string {
  return `${Math.round(count).toLocaleString('en-US').padStart(6)} bytes`;
}
