import { AnomalyReport } from './anomaly.js';
import type { Anomaly, AnomalyKind } from './anomaly.js';
import { CycleSearch, findComponents } from './cycle-search.js';
import { buildDependencyGraph, RT, RW, WR, WW } from './dependency-graph.js';
import type { DependencyGraph } from './dependency-graph.js';
import { checkDirectly } from './direct-checks.js';
import { describeTransaction } from './history.js';
import type { FinalReads, HistoryTransaction } from './history.js';
import { HistoryIndex } from './history-index.js';

export interface CheckHistoryOptions {
  /** Off: serializability only, without the real-time order. @default true */
  readonly realTime?: boolean;
  /** How many anomalies of one kind are returned. @default 10 */
  readonly limitPerKind?: number;
}

/**
 * Returns what proves that a list-append history is not strictly serializable.
 *
 * Without final reads nothing is said about lost or partly applied writes. An unknown transaction
 * counts as committed when one of its appends was seen, and otherwise has no part in the check;
 * the reads of failed transactions are not judged.
 *
 * @throws Error when values or ids are not unique, because such a history proves nothing.
 */
export function checkHistory(
  history: readonly HistoryTransaction[],
  finalReads?: FinalReads,
  options: CheckHistoryOptions = {},
): Anomaly[] {
  const { realTime = true, limitPerKind = 10 } = options;
  const report = new AnomalyReport(limitPerKind);
  const index = new HistoryIndex(history, finalReads);
  checkDirectly(index, report);
  checkCycles(index, buildDependencyGraph(index, realTime), report);
  return report.all();
}

/** The anomalies as one text, for the message of a failed assertion. */
export function describeAnomalies(anomalies: readonly Anomaly[]): string {
  return anomalies.map(({ message }) => message).join('\n');
}

/** A component is reported once, with the strongest class: each stage adds weaker edges. */
function checkCycles(index: HistoryIndex, graph: DependencyGraph, report: AnomalyReport): void {
  const reported = new Set<number>();
  for (const weakestLabel of [WW, WR, RW, RT]) {
    for (const component of findComponents(graph, weakestLabel)) {
      const known = component.some((node) => reported.has(node));
      for (const node of component) reported.add(node);
      if (known) continue;
      const { kind, cycle } = classify(graph, component, weakestLabel);
      const ids = cycle.map((edge) => index.idOf(graph.source(edge)));
      report.add(kind, ids, () => describeCycle(index, graph, cycle));
    }
  }
}

function classify(
  graph: DependencyGraph,
  component: readonly number[],
  weakestLabel: number,
): { readonly kind: AnomalyKind; readonly cycle: readonly number[] } {
  const search = new CycleSearch(graph, component);
  const single = weakestLabel === RW ? search.cycleWithSingle(RW) : undefined;
  if (single !== undefined) return { kind: 'G-single', cycle: single };
  const kinds = ['G0', 'G1c', 'G2', 'strict-violation'] as const;
  return { kind: kinds[weakestLabel]!, cycle: search.shortestCycle(weakestLabel) };
}

function describeCycle(
  index: HistoryIndex,
  graph: DependencyGraph,
  cycle: readonly number[],
): string {
  const lines = [`a cycle of ${cycle.length} transactions`];
  for (const edge of cycle) {
    lines.push(`  ${describeTransaction(index.transactions[graph.source(edge)]!)}`);
  }
  for (const edge of cycle) lines.push(`  ${describeEdge(index, graph, edge)}`);
  return lines.join('\n');
}

function describeEdge(index: HistoryIndex, graph: DependencyGraph, edge: number): string {
  const from = index.idOf(graph.source(edge));
  const to = index.idOf(graph.target(edge));
  const place = graph.place(edge);
  if (place === undefined) return `${from} -rt-> ${to}: ${from} ended before ${to} started`;
  const { at, keyHistory } = place;
  const { key, version } = keyHistory;
  const element = version[at];
  switch (graph.label(edge)) {
    case WW:
      return `${from} -ww-> ${to}: in ${key}, ${version[at - 1]} comes right before ${element}`;
    case WR:
      return `${from} -wr-> ${to}: ${to} read ${element} in ${key}`;
    default:
      return `${from} -rw-> ${to}: ${from} read ${key} without ${element}, which comes next`;
  }
}
