import { LEASE_MS } from '../../lib/commit/recovery.js';
import { recordKeyOf } from '../../lib/store/transaction-address.js';
import { FAULT_KINDS, type Fault, type ProtocolMethod } from './faulty-store.js';
import { checkHistory, mergeHistories, type Anomaly } from './history/index.js';
import { ListAppendWorkload, type ListAppendReport } from './list-append-workload.js';
import {
  LAPSE_MS,
  MARGIN_MS,
  NodeGroup,
  RETENTION_MS,
  TIMEOUT_MS,
  type GroupMember,
} from './node-group.js';
import { embeddedNodes, type CreateLayout } from './layouts.js';
import type { SeededRandom } from './seeded-random.js';

const NODES = 4;
const INSTANCES = 3;
const CONCURRENCY = 3;

export interface SimulationOptions {
  readonly random: SeededRandom;
  /** What the instances share. @default four nodes */
  readonly layout?: CreateLayout;
  /** Of all instances together. */
  readonly transactions: number;
  /** How probable it is that a call meets a fault. */
  readonly faults: number;
}

export interface SimulationVerdict {
  readonly anomalies: readonly Anomaly[];
  /** The side counter, less what the transactions say they have added to it. */
  readonly miscounted: number;
  /** Locks, records and notes that are left when everything is over. */
  readonly left: readonly string[];
  readonly committed: number;
  readonly crashes: number;
  readonly faults: number;
  readonly methods: readonly ProtocolMethod[];
}

interface Process extends GroupMember {
  readonly workload: ListAppendWorkload;
  ended: boolean;
}

/**
 * Processes that share a few nodes, in a time that only this moves on. Every step waits for a random
 * number of turns, some go wrong, some processes die and are replaced; everything follows from a seed.
 */
export class Simulation {
  readonly #options: SimulationOptions;
  readonly #random: SeededRandom;
  readonly #group: NodeGroup;
  readonly #processes: Process[] = [];
  readonly #recoveries: Promise<unknown>[] = [];
  #faults = 0;
  #healed = false;

  constructor(options: SimulationOptions) {
    this.#options = options;
    this.#random = options.random;
    this.#group = new NodeGroup(options.layout ?? embeddedNodes(NODES));
  }

  async run(): Promise<SimulationVerdict> {
    const seeder = await this.#group.join();
    await this.#group.drive(ListAppendWorkload.prepare(seeder.runtime));
    const share = Math.ceil(this.#options.transactions / INSTANCES);
    for (let nth = 0; nth < INSTANCES; nth++) await this.#start(share);
    while (this.#processes.some(({ ended }) => !ended)) await this.#step();
    return this.#judge();
  }

  async #step(): Promise<void> {
    await this.#group.clock.advance(this.#random.integer(4));
    const living = this.#processes.filter(({ ended, store }) => !ended && !store.isDead);
    if (living.length > 0 && this.#random.chance(0.05)) {
      const { runtime } = this.#random.pick(living);
      this.#recoveries.push(runtime.recovery.recover().catch(() => undefined));
    }
  }

  /** A process that dies leaves the rest of its transactions to another one. */
  async #start(transactions: number): Promise<void> {
    const random = this.#random.fork();
    const { faults } = this.#options;
    const member = await this.#group.join(() => random.next());
    member.store.before = async () => {
      for (let turns = random.integer(4); turns > 0; turns--) await nextTurn();
    };
    member.store.faultOf = () => {
      if (this.#healed || !random.chance(faults)) return undefined;
      this.#faults++;
      return drawFault(random);
    };
    const workload = new ListAppendWorkload({
      runtime: member.runtime,
      random,
      transactions,
      concurrency: CONCURRENCY,
      worker: { index: this.#processes.length, count: 1000 },
      timeoutMs: TIMEOUT_MS,
      shortTimeoutMs: 20,
      transactionsPerGroup: 100_000,
      isDead: () => member.store.isDead,
    });
    const process = { ...member, workload, ended: false };
    this.#processes.push(process);
    void workload.run().then(async () => {
      const rest = transactions - workload.started;
      if (member.store.isDead && rest > 0) await this.#start(rest);
      process.ended = true;
    });
  }

  async #judge(): Promise<SimulationVerdict> {
    this.#healed = true;
    await this.#group.drive(Promise.all(this.#recoveries));
    for (const { store } of this.#processes) await store.deliverLate();
    const judge = await this.#group.join();
    const { manager } = judge.runtime;
    for (const { workload } of this.#processes) {
      await this.#group.drive(workload.resolveUnknown(manager));
    }
    await this.#endAll();
    await this.#group.clock.advance(TIMEOUT_MS + MARGIN_MS + LAPSE_MS + LEASE_MS);
    const recovered = await this.#group.drive(judge.runtime.recovery.recover());
    const reports = this.#processes.map(({ workload }) => workload.report());
    const keys = reports.flatMap((report) => report.keys);
    const finals = await this.#group.drive(ListAppendWorkload.finalReads(judge.runtime, keys));
    const tally = await this.#group.drive(ListAppendWorkload.finalTally(judge.runtime));
    const history = mergeHistories(reports.map((report) => report.history));
    const left = recovered.failed + recovered.undecided === 0 ? [] : [JSON.stringify(recovered)];
    left.push(
      ...this.#locksLeft(keys),
      ...(await this.#recordsLeft()),
      ...(await this.#notesLeft()),
    );
    const verdict = {
      anomalies: checkHistory(history, finals),
      miscounted: miscountedOf(tally, reports),
      left,
      committed: history.filter(({ status }) => status === 'ok').length,
      crashes: this.#processes.filter(({ store }) => store.isDead).length,
      faults: this.#faults,
      methods: this.#processes.flatMap(({ store }) => store.methods),
    };
    await this.#group.close();
    return verdict;
  }

  async #endAll(): Promise<void> {
    for (const { runtime, store } of this.#processes) {
      if (!store.isDead) await this.#group.drive(runtime.close());
    }
  }

  #locksLeft(ids: readonly string[]): string[] {
    const raws = [...new Set(ids)].map((id) => this.#group.layout.peekRaw(`list:${id}`) ?? '');
    raws.push(this.#group.layout.peekRaw('tally:side') ?? '');
    return raws.filter((raw) => raw.split('|')[0]!.includes('*'));
  }

  async #recordsLeft(): Promise<string[]> {
    await this.#group.clock.advance(10 * TIMEOUT_MS + MARGIN_MS + RETENTION_MS);
    return this.#processes
      .flatMap(({ store }) => store.decided)
      .map((address) => this.#group.layout.peekRaw(recordKeyOf(address)))
      .filter((record) => record !== undefined);
  }

  async #notesLeft(): Promise<string[]> {
    const { journal } = this.#group.store;
    const until = this.#group.clock.now() + TIMEOUT_MS;
    const left: string[] = [];
    for (const instance of await journal.lapsed(until)) {
      const { entries } = await journal.entries(instance, { most: 100 }, until);
      left.push(...entries.map((entry) => JSON.stringify(entry)));
    }
    return left;
  }
}

function drawFault(random: SeededRandom): Fault {
  const kind = random.pick(FAULT_KINDS);
  // A process has to get somewhere before it dies.
  const isCrash = kind === 'crash-before' || kind === 'crash-after';
  if (isCrash && random.chance(0.9)) return { kind: 'reply-lost' };
  const isLater = kind === 'late' || kind === 'repeated';
  return isLater ? { kind, afterCalls: 1 + random.integer(60) } : { kind };
}

function miscountedOf(tally: number, reports: readonly ListAppendReport[]): number {
  const certain = sum(reports.map(({ increments }) => increments.certain));
  const possible = sum(reports.map(({ increments }) => increments.possible));
  return Math.min(tally - certain, 0) + Math.max(tally - certain - possible, 0);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
