import { redisSourceOf, type ServersConfig } from './cluster-client.js';
import { FaultProxy, type FaultProxyCounts } from './fault-proxy.js';
import {
  checkHistory,
  mergeHistories,
  type Anomaly,
  type HistoryTransaction,
} from './history/index.js';
import { untilSaid, type LibraryCopy } from './library-copy.js';
import { ListAppendWorkload, type ListAppendReport } from './list-append-workload.js';
import type { ListPlaces } from './placed-lists.js';
import { randomFaults } from './random-faults.js';
import type { RedisServer } from './redis-server.js';
import type { SeededRandom } from './seeded-random.js';
import { TestRuntime } from './test-runtime.js';

export interface ListAppendRun {
  readonly library: LibraryCopy;
  /** One server, or the masters of a cluster. */
  readonly servers: readonly RedisServer[];
  readonly random: SeededRandom;
  /** Of all processes together. */
  readonly transactions: number;
  readonly processes: number;
  /** How probable it is that a command meets a fault. */
  readonly faults: number;
}

export interface ListAppendVerdict {
  readonly history: readonly HistoryTransaction[];
  readonly anomalies: readonly Anomaly[];
  /** The side counter, less what the transactions say they have added to it. */
  readonly miscounted: number;
  readonly faults: readonly FaultProxyCounts['faults'][];
  readonly errors: readonly Record<string, number>[];
}

/** What the history of all parts proves, together with what stands at the end. */
export async function judge(
  runtime: TestRuntime,
  reports: readonly ListAppendReport[],
  places?: ListPlaces,
): Promise<Pick<ListAppendVerdict, 'history' | 'anomalies' | 'miscounted'>> {
  const history = mergeHistories(reports.map((report) => report.history));
  const keys = reports.flatMap((report) => report.keys);
  const finalReads = await ListAppendWorkload.finalReads(runtime, keys, places);
  const tally = await ListAppendWorkload.finalTally(runtime);
  const certain = sum(reports.map(({ increments }) => increments.certain));
  const possible = sum(reports.map(({ increments }) => increments.possible));
  const miscounted = Math.min(tally - certain, 0) + Math.max(tally - certain - possible, 0);
  return { history, anomalies: checkHistory(history, finalReads), miscounted };
}

/** Each process works over proxies of its own, whose faults end before the last question is asked. */
export async function runListAppend(run: ListAppendRun): Promise<ListAppendVerdict> {
  const { library, servers, random, transactions, processes, faults } = run;
  const runtime = await TestRuntime.open({ redis: redisSourceOf(addressOf(servers)) });
  await ListAppendWorkload.prepare(runtime);
  const indexes = Array.from({ length: processes }, (_, index) => index);
  const shelves = await Promise.all(indexes.map(() => startProxies(servers)));
  const proxies = shelves.flat();
  const children = indexes.map((index) =>
    library.start('test/workers/list-append.ts', {
      ...addressOf(servers, shelves[index]),
      commandTimeoutMs: 250,
      seed: random.integer(2 ** 31),
      transactions: transactions / processes,
      concurrency: 16,
      worker: { index, count: processes },
      timeoutMs: 20_000,
      shortTimeoutMs: 150,
    }),
  );
  // What is broken while a store is opened has specs of its own.
  await Promise.all(children.map((child) => untilSaid(child, 'ready')));
  for (const proxy of proxies) proxy.decide = randomFaults(random.fork(), faults);
  for (const { child } of children) child.send('go');
  await Promise.all(children.map((child) => untilSaid(child, 'done')));
  for (const proxy of proxies) proxy.decide = () => undefined;
  await Promise.all(proxies.map((proxy) => proxy.releaseLate()));
  for (const { child } of children) child.send('healed');
  const reports = (await Promise.all(children.map(({ report }) => report))) as ListAppendReport[];
  const verdict = await judge(runtime, reports);
  await Promise.all(proxies.map((proxy) => proxy.stop()));
  await runtime.close();
  return {
    ...verdict,
    faults: proxies.map((proxy) => proxy.counts.faults),
    errors: reports.map(({ errors }) => errors),
  };
}

function startProxies(servers: readonly RedisServer[]): Promise<FaultProxy[]> {
  return Promise.all(servers.map((server) => FaultProxy.start({ targetPort: server.port })));
}

function addressOf(
  servers: readonly RedisServer[],
  proxies?: readonly FaultProxy[],
): ServersConfig {
  const [server] = servers;
  if (server === undefined) throw new Error('There is no server.');
  if (servers.length === 1) return { url: proxies?.[0]?.url ?? server.url };
  const before = servers.map(({ port }, nth): [number, number] => [
    port,
    Number(new URL(proxies?.[nth]?.url ?? `redis://127.0.0.1:${port}`).port),
  ]);
  return {
    cluster: {
      ports: servers.map(({ port }) => port),
      ...(proxies === undefined ? {} : { proxies: Object.fromEntries(before) }),
    },
  };
}

export function faultsMade(verdict: ListAppendVerdict): number {
  return sum(faultsByKind(verdict).map(([, count]) => count));
}

/** How often each kind of fault was made; a kind occurs once for each proxy. */
export function faultsByKind(verdict: ListAppendVerdict): [kind: string, count: number][] {
  return verdict.faults.flatMap((counts) =>
    Object.entries(counts).filter(([kind]) => kind !== 'pass'),
  );
}

export function countOf(history: readonly HistoryTransaction[], status: string): number {
  return history.filter((transaction) => transaction.status === status).length;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
