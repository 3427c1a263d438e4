import type { DependencyGraph } from './dependency-graph.js';

const NOT_VISITED = 0;

/** Bounds the search for a short witness in a huge component of a badly broken history. */
const WITNESS_EDGE_BUDGET = 20_000_000;

/** The components with more than one node, using edges up to the given label (Tarjan, iterative). */
export function findComponents(graph: DependencyGraph, weakestLabel: number): number[][] {
  const visit = new Int32Array(graph.nodeCount);
  const low = new Int32Array(graph.nodeCount);
  const onStack = new Uint8Array(graph.nodeCount);
  const nextEdge = new Int32Array(graph.nodeCount);
  const stack: number[] = [];
  const path: number[] = [];
  const components: number[][] = [];
  let visits = 0;
  const enter = (node: number): void => {
    visits += 1;
    visit[node] = visits;
    low[node] = visits;
    nextEdge[node] = graph.firstEdge(node);
    onStack[node] = 1;
    stack.push(node);
    path.push(node);
  };
  const leave = (node: number): void => {
    path.pop();
    const parent = path.at(-1);
    if (parent !== undefined) low[parent] = Math.min(low[parent]!, low[node]!);
    if (low[node] !== visit[node]) return;
    const component = stack.splice(stack.lastIndexOf(node));
    for (const member of component) onStack[member] = 0;
    if (component.length > 1) components.push(component);
  };
  for (let root = 0; root < graph.nodeCount; root += 1) {
    if (visit[root] !== NOT_VISITED) continue;
    enter(root);
    while (path.length > 0) {
      const node = path.at(-1)!;
      const edge = nextEdge[node]!;
      if (edge === graph.firstEdge(node + 1) || graph.label(edge) > weakestLabel) {
        leave(node);
        continue;
      }
      nextEdge[node] = edge + 1;
      const target = graph.target(edge);
      if (visit[target] === NOT_VISITED) enter(target);
      else if (onStack[target] === 1) low[node] = Math.min(low[node]!, visit[target]!);
    }
  }
  return components;
}

/** Finds short cycles inside one component, as edge slots of the graph. */
export class CycleSearch {
  readonly #graph: DependencyGraph;
  readonly #component: readonly number[];
  readonly #members: Set<number>;
  #budget = WITNESS_EDGE_BUDGET;

  constructor(graph: DependencyGraph, component: readonly number[]) {
    this.#graph = graph;
    this.#component = component;
    this.#members = new Set(component);
  }

  /** The shortest cycle through edges up to the given label. */
  shortestCycle(weakestLabel: number): number[] {
    let shortest: number[] | undefined;
    for (const node of this.#component) {
      const limit = shortest === undefined ? Infinity : shortest.length;
      shortest = this.#path(node, node, weakestLabel, limit) ?? shortest;
      if (shortest?.length === 2 || (shortest !== undefined && this.#budget <= 0)) break;
    }
    if (shortest === undefined) throw new Error('A component without a cycle is no component.');
    return shortest;
  }

  /** The shortest cycle of one edge with the given label and otherwise stronger ones. */
  cycleWithSingle(label: number): number[] | undefined {
    let shortest: number[] | undefined;
    for (const edge of this.#edgesWith(label)) {
      const { source, target } = {
        source: this.#graph.source(edge),
        target: this.#graph.target(edge),
      };
      const limit = shortest === undefined ? Infinity : shortest.length - 1;
      const back = this.#path(target, source, label - 1, limit);
      if (back !== undefined) shortest = [edge, ...back];
      if (shortest?.length === 2 || this.#budget <= 0) break;
    }
    return shortest;
  }

  *#edgesWith(label: number): Generator<number> {
    for (const node of this.#component) {
      const end = this.#graph.firstEdge(node + 1);
      for (let edge = this.#graph.firstEdge(node); edge < end; edge += 1) {
        const wanted = this.#graph.label(edge) === label;
        if (wanted && this.#members.has(this.#graph.target(edge))) yield edge;
      }
    }
  }

  /** A breadth-first search for a path of fewer edges than the limit. */
  #path(from: number, to: number, weakestLabel: number, limit: number): number[] | undefined {
    const reachedBy = new Map<number, number>();
    let nodes = [from];
    for (let length = 1; nodes.length > 0 && length < limit; length += 1) {
      const following: number[] = [];
      for (const node of nodes) {
        const end = this.#graph.firstEdge(node + 1);
        for (let edge = this.#graph.firstEdge(node); edge < end; edge += 1) {
          this.#budget -= 1;
          if (this.#graph.label(edge) > weakestLabel) break;
          const target = this.#graph.target(edge);
          if (!this.#members.has(target) || reachedBy.has(target)) continue;
          reachedBy.set(target, edge);
          if (target === to) return this.#trace(reachedBy, from, to);
          following.push(target);
        }
      }
      nodes = following;
    }
    return undefined;
  }

  #trace(reachedBy: ReadonlyMap<number, number>, from: number, to: number): number[] {
    const path: number[] = [];
    let node = to;
    do {
      const edge = reachedBy.get(node)!;
      path.unshift(edge);
      node = this.#graph.source(edge);
    } while (node !== from);
    return path;
  }
}
