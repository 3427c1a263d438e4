import { foreignLength, isPrefix } from './direct-checks.js';
import type { HistoryIndex, KeyHistory } from './history-index.js';

/** In the order of strength: a cycle is classified by its weakest edge. */
export const EDGE_LABELS = ['ww', 'wr', 'rw', 'rt'] as const;
export type EdgeLabel = (typeof EDGE_LABELS)[number];
export const WW = 0;
export const WR = 1;
export const RW = 2;
export const RT = 3;

const NO_KEY = -1;

/** Edges in the order in which they were added, in typed arrays because there are millions. */
class EdgeList {
  length = 0;
  /** Per edge: source, target, label, key number, place in the version order. */
  #fields = new Int32Array(5 * 1024);

  add(source: number, target: number, label: number, place: readonly [number, number]): void {
    if (source < 0 || target < 0 || source === target) return;
    const offset = this.length * 5;
    if (offset === this.#fields.length) {
      const larger = new Int32Array(this.#fields.length * 2);
      larger.set(this.#fields);
      this.#fields = larger;
    }
    this.#fields[offset] = source;
    this.#fields[offset + 1] = target;
    this.#fields[offset + 2] = label;
    this.#fields[offset + 3] = place[0];
    this.#fields[offset + 4] = place[1];
    this.length += 1;
  }

  field(edge: number, field: number): number {
    return this.#fields[edge * 5 + field]!;
  }
}

/** The edges grouped by source, the strongest first. */
export class DependencyGraph {
  readonly nodeCount: number;
  readonly #edges: EdgeList;
  readonly #offsets: Int32Array;
  readonly #order: Int32Array;
  readonly #keys: readonly KeyHistory[];

  constructor(nodeCount: number, edges: EdgeList, keys: readonly KeyHistory[]) {
    this.nodeCount = nodeCount;
    this.#edges = edges;
    this.#keys = keys;
    this.#offsets = new Int32Array(nodeCount + 1);
    for (let edge = 0; edge < edges.length; edge += 1) {
      this.#offsets[edges.field(edge, 0) + 1]! += 1;
    }
    for (let node = 0; node < nodeCount; node += 1) {
      this.#offsets[node + 1]! += this.#offsets[node]!;
    }
    const free = this.#offsets.slice();
    this.#order = new Int32Array(edges.length);
    for (let edge = 0; edge < edges.length; edge += 1) {
      const source = edges.field(edge, 0);
      this.#order[free[source]!] = edge;
      free[source]! += 1;
    }
  }

  /** The slots of the edges that leave the node: from `firstEdge(node)` to `firstEdge(node + 1)`. */
  firstEdge(node: number): number {
    return this.#offsets[node]!;
  }

  source(slot: number): number {
    return this.#edges.field(this.#order[slot]!, 0);
  }

  target(slot: number): number {
    return this.#edges.field(this.#order[slot]!, 1);
  }

  label(slot: number): number {
    return this.#edges.field(this.#order[slot]!, 2);
  }

  /** The key and the version order place that prove the edge; none for a real-time edge. */
  place(slot: number): { readonly keyHistory: KeyHistory; readonly at: number } | undefined {
    const keyHistory = this.#keys[this.#edges.field(this.#order[slot]!, 3)];
    return keyHistory && { keyHistory, at: this.#edges.field(this.#order[slot]!, 4) };
  }
}

/** Labels are added in the order of strength, which the grouping above relies on. */
export function buildDependencyGraph(index: HistoryIndex, realTime: boolean): DependencyGraph {
  const edges = new EdgeList();
  const keys = [...index.keys.values()];
  const numbers = new Map(keys.map((keyHistory, number) => [keyHistory, number]));
  for (const [number, keyHistory] of keys.entries()) {
    for (let at = 1; at < keyHistory.version.length; at += 1) {
      const earlier = effectiveWriter(index, keyHistory, at - 1);
      edges.add(earlier, effectiveWriter(index, keyHistory, at), WW, [number, at]);
    }
  }
  const reads = [...externalReads(index)];
  for (const { keyHistory, reader, length } of reads) {
    const writer = effectiveWriter(index, keyHistory, length - 1);
    edges.add(writer, reader, WR, [numbers.get(keyHistory)!, length - 1]);
  }
  for (const { keyHistory, reader, length } of reads) {
    const writer = effectiveWriter(index, keyHistory, length);
    edges.add(reader, writer, RW, [numbers.get(keyHistory)!, length]);
  }
  if (realTime) addRealTimeEdges(index, edges);
  return new DependencyGraph(index.transactions.length, edges, keys);
}

function effectiveWriter(index: HistoryIndex, keyHistory: KeyHistory, at: number): number {
  const writer = index.writerOf(keyHistory, keyHistory.version[at]);
  return writer >= 0 && index.tookEffect(writer) ? writer : -1;
}

/** The first read of each key by each transaction; the others follow from the internal check. */
function* externalReads(
  index: HistoryIndex,
): Generator<{ keyHistory: KeyHistory; reader: number; length: number }> {
  for (const [reader, transaction] of index.transactions.entries()) {
    if (!index.tookEffect(reader)) continue;
    const seen = new Set<string>();
    for (const operation of transaction.operations) {
      if (operation.kind === 'append' || seen.has(operation.key)) continue;
      seen.add(operation.key);
      const keyHistory = index.keyHistory(operation.key);
      const length = foreignLength(keyHistory, operation.list, reader);
      if (isPrefix(operation.list, keyHistory.version, length))
        yield { keyHistory, reader, length };
    }
  }
}

/**
 * The frontier holds the ended transactions that no other ended transaction follows entirely:
 * edges from them imply all the others, and there are at most as many as run concurrently.
 */
function addRealTimeEdges(index: HistoryIndex, edges: EdgeList): void {
  const { transactions } = index;
  const nodes = [...transactions.keys()].filter((position) => index.tookEffect(position));
  const byStart = nodes.toSorted((a, b) => transactions[a]!.startedAt - transactions[b]!.startedAt);
  const byEnd = nodes
    .filter((position) => transactions[position]!.status === 'ok')
    .toSorted((a, b) => transactions[a]!.endedAt - transactions[b]!.endedAt);
  let frontier: number[] = [];
  let ended = 0;
  for (const node of byStart) {
    const { startedAt } = transactions[node]!;
    while (ended < byEnd.length && transactions[byEnd[ended]!]!.endedAt < startedAt) {
      const newest = byEnd[ended]!;
      const since = transactions[newest]!.startedAt;
      frontier = frontier.filter((position) => transactions[position]!.endedAt >= since);
      frontier.push(newest);
      ended += 1;
    }
    for (const earlier of frontier) edges.add(earlier, node, RT, [NO_KEY, 0]);
  }
}
