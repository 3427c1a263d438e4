import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RecordedOutcome } from '../../lib/index.js';
import type { ClusterBank } from './cluster-bank.js';
import { untilSaid } from './library-copy.js';
import { LockWatch } from './lock-watch.js';
import { poll } from './poll.js';
import type { SeededRandom } from './seeded-random.js';

export interface ProcessKills {
  readonly bank: ClusterBank;
  readonly random: SeededRandom;
  readonly kills: number;
  /** How many processes work at the same time. */
  readonly processes: number;
  readonly timeoutMs: number;
  readonly onKill: (kills: number) => void;
}

export interface ProcessKillReport {
  /** Transactions of which a commit was begun. */
  readonly begun: number;
  readonly acknowledged: number;
  /** Those that were committed, acknowledged or not. */
  readonly committed: number;
  /** Acknowledged, and recorded as something else. */
  readonly lost: readonly string[];
  /** Neither `committed` nor `rolled_back`. */
  readonly unresolved: readonly string[];
  /** Of each transaction that a dead process left: from its deadline until nothing of it was left. */
  readonly resolvedAfterMs: readonly number[];
}

interface Victim {
  readonly notebook: Notebook;
  /** Transactions that held something, or were noted, when their process was dead. */
  readonly left: readonly string[];
}

interface Notebook {
  readonly begun: readonly string[];
  readonly acknowledged: ReadonlySet<string>;
}

/** After this nobody waits for a transaction any more. */
const resolutionLimitMs = 60_000;
const questionsAtOnce = 50;

/** kill -9 of processes that commit over several nodes, again and again, each at some moment. */
export async function runProcessKills(options: ProcessKills): Promise<ProcessKillReport> {
  const { bank, processes } = options;
  const watch = new LockWatch(bank.client, bank.keys);
  watch.start();
  const resolutions: Promise<ProcessKillReport>[] = [];
  let started = 0;
  const slot = async (): Promise<void> => {
    while (started < options.kills) {
      started += 1;
      const victim = await killOne(options, watch, started);
      const resolution = resolutionOf(bank, watch, victim);
      resolution.catch(() => undefined);
      resolutions.push(resolution);
      options.onKill(resolutions.length);
    }
  };
  try {
    await Promise.all(Array.from({ length: processes }, slot));
    return total(await resolvedByReaders(bank, Promise.all(resolutions)));
  } finally {
    await watch.stop();
  }
}

/** A lock that no journal names goes when somebody meets it, and no other process is left that would. */
async function resolvedByReaders<T>(bank: ClusterBank, resolved: Promise<T>): Promise<T> {
  let settled = false;
  const end = (): void => void (settled = true);
  resolved.then(end, end);
  await poll(
    async () => {
      await bank.commitCount();
      return settled ? true : undefined;
    },
    { deadlineMs: 2 * resolutionLimitMs, intervalMs: 250, until: 'all is resolved' },
  );
  return resolved;
}

async function killOne(
  { bank, random, timeoutMs }: ProcessKills,
  watch: LockWatch,
  nth: number,
): Promise<Victim> {
  const notebook = join(bank.library.dir, `notebook-${nth}`);
  const run = bank.library.start('test/workers/transfers.ts', {
    ...bank.address,
    accounts: bank.ids.length,
    seed: random.integer(2 ** 31),
    concurrency: 4,
    timeoutMs,
    notebook,
  });
  await untilSaid(run, 'working');
  // Dies at some moment of its work, which nothing announces.
  await new Promise((resolve) => setTimeout(resolve, 100 + random.integer(1400)));
  run.child.kill('SIGKILL');
  await run.report.catch(() => undefined);
  const noted = readNotebook(notebook);
  const mine = new Set(noted.begun);
  const left = new Set((await watch.look()).filter((address) => mine.has(address)));
  return { notebook: noted, left: [...left] };
}

function readNotebook(path: string): Notebook {
  const lines = readFileSync(path, 'utf8').split('\n');
  const of = (mark: string) =>
    lines.filter((line) => line.startsWith(mark)).map((line) => line.slice(1));
  return { begun: of('?'), acknowledged: new Set(of('=')) };
}

/** Waits until others have finished what a process left, and only then asks for the outcomes. */
async function resolutionOf(
  bank: ClusterBank,
  watch: LockWatch,
  { notebook, left }: Victim,
): Promise<ProcessKillReport> {
  const { begun, acknowledged } = notebook;
  await poll(
    async () => {
      const standing = new Set(await watch.look());
      return left.some((address) => standing.has(address)) ? undefined : true;
    },
    { deadlineMs: resolutionLimitMs, intervalMs: 500, until: `${left.join(', ')} are resolved` },
  );
  const outcomes = new Map<string, RecordedOutcome>();
  for (let at = 0; at < begun.length; at += questionsAtOnce) {
    const some = begun.slice(at, at + questionsAtOnce);
    const answers = await Promise.all(some.map((one) => decidedOutcomeOf(bank, one)));
    some.forEach((address, index) => outcomes.set(address, answers[index]!));
  }
  const withOutcome = (test: (outcome: RecordedOutcome) => boolean): string[] =>
    begun.filter((address) => test(outcomes.get(address)!));
  const committed = withOutcome((outcome) => outcome === 'committed');
  return {
    begun: begun.length,
    acknowledged: acknowledged.size,
    committed: committed.length,
    lost: [...acknowledged].filter((address) => outcomes.get(address) !== 'committed'),
    unresolved: withOutcome((outcome) => outcome !== 'committed' && outcome !== 'rolled_back'),
    resolvedAfterMs: left.map((address) => watch.overdueMs.get(address) ?? 0),
  };
}

/** Of a commit that never reached a node nothing stands, and until its deadline it might still come. */
async function decidedOutcomeOf(bank: ClusterBank, address: string): Promise<RecordedOutcome> {
  return poll(
    async () => {
      const outcome = await bank.runtime.manager.outcomeOf(address);
      return outcome === 'undecided' ? undefined : outcome;
    },
    { deadlineMs: resolutionLimitMs, intervalMs: 500, until: `${address} is decided` },
  );
}

function total(all: readonly ProcessKillReport[]): ProcessKillReport {
  const sumOf = (name: 'begun' | 'acknowledged' | 'committed'): number =>
    all.reduce((sum, one) => sum + one[name], 0);
  return {
    begun: sumOf('begun'),
    acknowledged: sumOf('acknowledged'),
    committed: sumOf('committed'),
    lost: all.flatMap(({ lost }) => lost),
    unresolved: all.flatMap(({ unresolved }) => unresolved),
    resolvedAfterMs: all.flatMap(({ resolvedAfterMs }) => resolvedAfterMs),
  };
}
