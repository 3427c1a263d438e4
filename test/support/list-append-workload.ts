import {
  DistributedTxError,
  TransactionOutcomeUnknownError,
  type TransactionOptions,
} from '../../lib/index.js';
import type { TxRepository } from '../../lib/repository/tx-repository.js';
import { Tally } from './entities.js';
import { PlacedLists, type ListPlaces } from './placed-lists.js';
import {
  generateListAppend,
  ListAppendRecorder,
  type FinalReads,
  type HistoryTransaction,
  type ListAppendGenerator,
  type PlannedOperation,
  type PlannedTransaction,
  type TransactionRecording,
} from './history/index.js';
import type { SeededRandom } from './seeded-random.js';
import type { TestRuntime } from './test-runtime.js';

export interface ListAppendWorkloadOptions {
  readonly runtime: TestRuntime;
  readonly random: SeededRandom;
  readonly transactions: number;
  /** How many transactions this process runs at the same time. */
  readonly concurrency: number;
  readonly worker: { readonly index: number; readonly count: number };
  readonly timeoutMs: number;
  /** A few transactions get so little time that faults leave them unknown. @default none */
  readonly shortTimeoutMs?: number;
  readonly transactionsPerGroup?: number;
  /** Asked before each transaction: whether its process has died. @default never */
  readonly isDead?: () => boolean;
  /** @default 'default' */
  readonly places?: ListPlaces;
}

export interface ListAppendReport {
  readonly history: HistoryTransaction[];
  readonly keys: string[];
  /** By how much the transactions increased the tally: certainly, and perhaps besides. */
  readonly increments: { readonly certain: number; readonly possible: number };
  /** How many calls ended with each kind of error. */
  readonly errors: Record<string, number>;
}

const tallyId = 'side';

/** The failure of a nested transaction, which takes back its own writes only. */
class ChangedMind extends Error {}

/**
 * Transactions over lists: reads and appends, some of them nested and taken back, with increments of
 * one counter at the side. A call that ended with an unknown outcome is asked for afterwards.
 */
export class ListAppendWorkload {
  readonly #options: ListAppendWorkloadOptions;
  readonly #random: SeededRandom;
  readonly #lists: PlacedLists;
  readonly #tallies: TxRepository<Tally>;
  readonly #generator: ListAppendGenerator;
  readonly #recorder = new ListAppendRecorder();
  readonly #unknown: { address: string; recording: TransactionRecording; increment: number }[] = [];
  readonly #errors: Record<string, number> = {};
  #started = 0;
  #certain = 0;
  #possible = 0;

  constructor(options: ListAppendWorkloadOptions) {
    const { runtime, random, worker, transactionsPerGroup } = options;
    this.#options = options;
    this.#random = random;
    this.#lists = new PlacedLists(runtime, options.places);
    this.#tallies = runtime.repository(Tally);
    this.#generator = generateListAppend({
      random: random.fork(),
      worker,
      ...(transactionsPerGroup === undefined ? {} : { transactionsPerGroup }),
    });
  }

  /** What every worker needs before it starts. */
  static async prepare(runtime: TestRuntime): Promise<void> {
    await runtime.repository(Tally).save({ id: tallyId, count: 0 });
  }

  static async finalReads(
    runtime: TestRuntime,
    keys: Iterable<string>,
    places?: ListPlaces,
  ): Promise<FinalReads> {
    const ids = [...new Set(keys)];
    const lists = await new PlacedLists(runtime, places).findMany(ids);
    return new Map(ids.map((id, nth) => [id, lists[nth]?.values ?? []]));
  }

  static async finalTally(runtime: TestRuntime): Promise<number> {
    return (await runtime.repository(Tally).findOneOrFail(tallyId)).count;
  }

  /** How many transactions it has begun. */
  get started(): number {
    return this.#started;
  }

  async run(): Promise<void> {
    await Promise.all(Array.from({ length: this.#options.concurrency }, () => this.#runSome()));
  }

  /**
   * Asks for the outcomes that no caller was told; the store has to be reachable again.
   * @param manager That of another process where this one has died.
   */
  async resolveUnknown(manager = this.#options.runtime.manager): Promise<void> {
    for (const { address, recording, increment } of this.#unknown.splice(0)) {
      const outcome = await manager.outcomeOf(address);
      if (outcome === 'committed') this.#certain += increment;
      else if (outcome !== 'rolled_back') this.#possible += increment;
      recording.end(outcome === 'committed' ? 'ok' : outcome === 'rolled_back' ? 'fail' : 'info');
    }
  }

  report(): ListAppendReport {
    return {
      history: this.#recorder.transactions(),
      keys: this.#generator.keys(),
      increments: { certain: this.#certain, possible: this.#possible },
      errors: this.#errors,
    };
  }

  async #runSome(): Promise<void> {
    const { transactions, isDead = () => false } = this.#options;
    while (this.#started < transactions && !isDead()) {
      this.#started += 1;
      await this.#runOne(this.#generator.next());
    }
  }

  async #runOne(planned: PlannedTransaction): Promise<void> {
    const increment = this.#random.chance(0.1) ? 1 : 0;
    const recording = this.#recorder.begin(planned.id);
    try {
      await this.#options.runtime.manager.run(
        async () => {
          recording.restart();
          if (increment > 0) await this.#tallies.increment(tallyId, 'count', increment, { min: 0 });
          await this.#perform(planned.operations, recording);
        },
        this.#optionsFor(planned, increment),
      );
      this.#certain += increment;
      recording.end('ok');
    } catch (error) {
      this.#noteError(error, recording, increment);
    }
  }

  #optionsFor({ operations }: PlannedTransaction, increment: number): TransactionOptions {
    const { shortTimeoutMs, timeoutMs } = this.#options;
    const short = shortTimeoutMs !== undefined && this.#random.chance(0.05);
    const writes = increment > 0 || operations.some(({ kind }) => kind === 'append');
    return {
      timeoutMs: short ? shortTimeoutMs : timeoutMs,
      retry: { attempts: 200, lockAfter: this.#random.pick([1, 2, 4, 200]) },
      readOnly: !writes && this.#random.chance(0.5),
    };
  }

  #noteError(error: unknown, recording: TransactionRecording, increment: number): void {
    if (!(error instanceof DistributedTxError)) throw error;
    this.#errors[error.name] = (this.#errors[error.name] ?? 0) + 1;
    if (error instanceof TransactionOutcomeUnknownError) {
      this.#unknown.push({ address: error.address, recording, increment });
    } else {
      recording.end('fail');
    }
  }

  async #perform(
    operations: readonly PlannedOperation[],
    recording: TransactionRecording,
  ): Promise<void> {
    if (this.#random.chance(0.2)) await this.#readAll(operations, recording);
    for (const operation of operations) {
      if (this.#random.chance(0.1)) await this.#performNested(operation, recording);
      else await this.#performOne(operation, recording);
    }
  }

  async #readAll(
    operations: readonly PlannedOperation[],
    recording: TransactionRecording,
  ): Promise<void> {
    const ids = [...new Set(operations.map(({ key }) => key))];
    const lists = await this.#lists.findMany(ids);
    ids.forEach((id, nth) => recording.read(id, lists[nth]?.values ?? []));
  }

  async #performOne(operation: PlannedOperation, recording: TransactionRecording): Promise<void> {
    const { key } = operation;
    const held = this.#random.chance(0.1);
    const found = await (held ? this.#lists.findOneForUpdate(key) : this.#lists.findOne(key));
    const list = found?.values ?? [];
    if (operation.kind === 'read') return recording.read(key, list);
    recording.append(key, operation.value);
    await this.#lists.save({ id: key, values: [...list, operation.value] });
  }

  /** An append that is taken back never happened: whoever sees it has read garbage. */
  async #performNested(
    operation: PlannedOperation,
    recording: TransactionRecording,
  ): Promise<void> {
    const { manager } = this.#options.runtime;
    const takeBack = operation.kind === 'append' && this.#random.chance(0.5);
    try {
      await manager.run(
        async () => {
          if (!takeBack) return this.#performOne(operation, recording);
          const list = (await this.#lists.findOne(operation.key))?.values ?? [];
          recording.read(operation.key, list);
          await this.#lists.save({ id: operation.key, values: [...list, -1] });
          throw new ChangedMind();
        },
        { propagation: 'NESTED' },
      );
    } catch (error) {
      if (!(error instanceof ChangedMind)) throw error;
    }
  }
}
