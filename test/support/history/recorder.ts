import type { HistoryOperation, HistoryTransaction, TransactionStatus } from './history.js';

/** One line of a journal, for processes that may be killed before they can hand in a history. */
export type HistoryEvent =
  | { readonly event: 'begin'; readonly id: string; readonly at: number }
  | { readonly event: 'operation'; readonly id: string; readonly operation: HistoryOperation }
  | { readonly event: 'restart'; readonly id: string }
  | {
      readonly event: 'end';
      readonly id: string;
      readonly at: number;
      readonly status: TransactionStatus;
    };

export interface ListAppendRecorderOptions {
  /** @default monotonicNanoseconds */
  readonly now?: () => number;
  /** Called before the recorded call returns, so that a killed process leaves a full journal. */
  readonly onEvent?: (event: HistoryEvent) => void;
}

/** Records one transaction; several run at the same time on one recorder. */
export interface TransactionRecording {
  readonly id: string;
  /** Records a list as it was returned, own appends included. */
  read(key: string, list: readonly number[]): void;
  /** Records an append before it is attempted. */
  append(key: string, value: number): void;
  /** Forgets the operations of an attempt that certainly had no effect and is repeated. */
  restart(): void;
  /** A second call is an error: an outcome does not change. */
  end(status: TransactionStatus): void;
}

interface Entry {
  readonly id: string;
  readonly startedAt: number;
  status: TransactionStatus | undefined;
  endedAt: number;
  operations: HistoryOperation[];
}

/**
 * Nanoseconds of the monotonic clock of the machine, comparable between its processes. Above
 * 2 ** 53 the value is rounded, which can only make two close times equal, never swap them.
 */
export function monotonicNanoseconds(): number {
  return Number(process.hrtime.bigint());
}

/** Records a list-append history; a transaction that was not ended counts as unknown. */
export class ListAppendRecorder {
  readonly #now: () => number;
  readonly #onEvent: (event: HistoryEvent) => void;
  readonly #entries = new Map<string, Entry>();

  constructor(options: ListAppendRecorderOptions = {}) {
    this.#now = options.now ?? monotonicNanoseconds;
    this.#onEvent = options.onEvent ?? (() => {});
  }

  /** Has to be called before the transaction does anything. */
  begin(id: string): TransactionRecording {
    this.#apply({ event: 'begin', id, at: this.#now() });
    return {
      id,
      read: (key, list) =>
        this.#apply({ event: 'operation', id, operation: { kind: 'read', key, list: [...list] } }),
      append: (key, value) =>
        this.#apply({ event: 'operation', id, operation: { kind: 'append', key, value } }),
      restart: () => this.#apply({ event: 'restart', id }),
      end: (status) => this.#apply({ event: 'end', id, at: this.#now(), status }),
    };
  }

  /** The history so far; the transactions that are still running are `info`. */
  transactions(): HistoryTransaction[] {
    return Array.from(this.#entries.values(), ({ status = 'info', ...entry }) => ({
      ...entry,
      status,
      operations: [...entry.operations],
    }));
  }

  toJSON(): HistoryTransaction[] {
    return this.transactions();
  }

  /** Rebuilds what a recorder with an `onEvent` had recorded when its process ended. */
  static fromEvents(events: Iterable<HistoryEvent>): ListAppendRecorder {
    const recorder = new ListAppendRecorder();
    for (const event of events) recorder.#apply(event);
    return recorder;
  }

  #apply(event: HistoryEvent): void {
    const { id } = event;
    const entry = this.#entries.get(id);
    if (event.event === 'begin') {
      if (entry !== undefined) throw new Error(`The transaction ${id} has begun already.`);
      const { at } = event;
      const status = undefined;
      this.#entries.set(id, { id, startedAt: at, endedAt: at, status, operations: [] });
    } else if (entry === undefined || entry.status !== undefined) {
      throw new Error(`The transaction ${id} is not running, so nothing can be recorded for it.`);
    } else if (event.event === 'operation') {
      entry.operations.push(event.operation);
    } else if (event.event === 'restart') {
      entry.operations = [];
    } else {
      entry.status = event.status;
      entry.endedAt = event.at;
    }
    this.#onEvent(event);
  }
}

/** One history of the parts that several recorders or processes recorded. */
export function mergeHistories(
  parts: Iterable<readonly HistoryTransaction[]>,
): HistoryTransaction[] {
  return [...parts].flat().toSorted((a, b) => a.startedAt - b.startedAt);
}
