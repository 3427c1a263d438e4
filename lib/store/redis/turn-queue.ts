import { StoreRefusedError } from '../../errors/index.js';
import { messageOf } from '../../errors/message-of.js';
import { AskedTooLateError } from '../asked-too-late.js';
import type { Clock } from '../clock.js';
import { groupBy } from '../group-by.js';
import type { RedisConnection } from './redis-connection.js';
import { isServerError, withoutArguments } from './redis-errors.js';

/** How long to wait before sending again what a ready server would not execute yet. */
const RETRY_DELAY_MS = 25;

/**
 * A turn is sent in some parts, so that the server works on one while the next is made ready; smaller
 * ones than this cost more than they gain.
 */
const PARTS_PER_TURN = 4;
const FEWEST_PER_PART = 4;

/** What was never sent has no effect. */
export const NOTHING_WRITTEN = ' Nothing of the transaction was written.';

/** Something that waits for its turn, until its time is over. */
export interface Request<T> {
  readonly until: number;
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
}

export interface TurnQueueOptions<R> {
  readonly connection: RedisConnection;
  readonly clock: Clock;
  /** How many keys a request brings. */
  readonly sizeOf: (request: R) => number;
  /** Names the node of a request, where there are several: a batch is for one of them. */
  readonly nodeOf?: ((request: R) => number) | undefined;
  /** A batch has at most so many keys, unless a single request has more. */
  readonly mostKeys: number;
  /** A batch has at most so many requests. */
  readonly mostRequests: number;
  /** Sends one batch; never throws. */
  readonly send: (batch: readonly R[]) => void;
}

/** Gathers the requests of one turn of the event loop and sends them in batches of bounded size. */
export class TurnQueue<R extends Request<never>> {
  readonly #options: TurnQueueOptions<R>;
  #requests: R[] = [];

  constructor(options: TurnQueueOptions<R>) {
    this.#options = options;
  }

  add(request: R): void {
    // A tick asked for among promise callbacks comes when all of them are done: the end of the turn.
    if (this.#requests.length === 0) process.nextTick(this.#flush);
    this.#requests.push(request);
  }

  /** Sends requests again that were certainly not executed, or do no harm when executed twice. */
  async again(requests: readonly R[], cause: unknown): Promise<void> {
    const { connection } = this.#options;
    let waiting = requests;
    do {
      await connection.changed(RETRY_DELAY_MS);
      waiting = this.#inTime(waiting, cause);
    } while (waiting.length > 0 && !connection.ready);
    for (const request of waiting) this.add(request);
  }

  readonly #flush = (): void => {
    const requests = this.#requests;
    this.#requests = [];
    if (!this.#options.connection.ready) {
      void this.again(requests, undefined);
      return;
    }
    for (const batch of this.#batchesOf(this.#inTime(requests))) this.#options.send(batch);
  };

  #inTime(requests: readonly R[], cause?: unknown): readonly R[] {
    const now = this.#options.clock.now();
    if (requests.every((request) => request.until > now)) return requests;
    return requests.filter((request) => {
      if (request.until > now) return true;
      request.reject(this.#tooLate(cause));
      return false;
    });
  }

  #tooLate(cause: unknown): Error {
    const { connection } = this.#options;
    if (!isServerError(cause)) {
      if (cause === undefined && connection.ready) {
        return new AskedTooLateError(
          `Redis was not asked: the time was over before.${NOTHING_WRITTEN}`,
        );
      }
      const what = 'could not be reached before the deadline';
      return connection.unavailable(what, NOTHING_WRITTEN);
    }
    return new StoreRefusedError(
      `Redis would not execute the command until the deadline: ${messageOf(cause)}`,
      { cause: withoutArguments(cause) },
    );
  }

  #batchesOf(requests: readonly R[]): readonly (readonly R[])[] {
    const { nodeOf, mostRequests } = this.#options;
    if (nodeOf === undefined) {
      const part = Math.max(Math.ceil(requests.length / PARTS_PER_TURN), FEWEST_PER_PART);
      return this.#bounded(requests, Math.min(part, mostRequests));
    }
    return [...groupBy(requests, nodeOf).values()].flatMap((group) =>
      this.#bounded(group, mostRequests),
    );
  }

  #bounded(requests: readonly R[], most: number): readonly (readonly R[])[] {
    const { sizeOf, mostKeys } = this.#options;
    const batches: R[][] = [];
    let keys = 0;
    for (const request of requests) {
      const last = batches.at(-1);
      const size = sizeOf(request);
      if (last === undefined || last.length >= most || keys + size > mostKeys) {
        batches.push([request]);
        keys = size;
      } else {
        last.push(request);
        keys += size;
      }
    }
    return batches;
  }
}

/** Rejects requests that the server refuses, and will until somebody acts. */
export function refuse(requests: readonly Request<never>[], error: unknown): void {
  const refusal = new StoreRefusedError(
    `Redis refused the command: ${messageOf(error)}. Nothing of the transaction was written.`,
    { cause: withoutArguments(error) },
  );
  for (const request of requests) request.reject(refusal);
}
