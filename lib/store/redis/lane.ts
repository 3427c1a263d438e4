import type { Clock } from '../clock.js';
import { parseStoredItem } from '../stored-item.js';
import {
  CommitReplyLostError,
  type OnePhaseCommit,
  type OnePhaseReply,
  type ReadReply,
} from '../versioned-store.js';
import { CommitMessage, parseCommitReply } from './commit-message.js';
import type { RedisConnection } from './redis-connection.js';
import { executionOf, messageOf, withoutArguments } from './redis-errors.js';
import { COMMIT_ONE_PHASE } from './redis-script.js';
import { refuse, TurnQueue, type Request } from './turn-queue.js';

/** How much travels in one command: docs/adr/0002-batches-by-turn.md. */
const BATCH = { readKeys: 512, commitKeys: 1000, transactions: 16 } as const;

interface ReadRequest extends Request<ReadReply> {
  readonly keys: readonly string[];
}
interface CommitRequest extends Request<OnePhaseReply> {
  readonly commit: OnePhaseCommit;
}

export interface LaneOptions {
  readonly connection: RedisConnection;
  readonly clock: Clock;
  readonly longestTimeoutMs: number;
  readonly keepMs: number;
  /** Called with the node's time when its clock proves to be other than thought. */
  readonly onClockDoubt: (nodeTimeMs: number) => void;
}

/**
 * The way to one node: the reads of a turn travel in one MGET, the one-phase commits of a turn in
 * script calls of a few transactions, so that batches overlap; each transaction is judged on its own.
 */
export class Lane {
  readonly #options: LaneOptions;
  readonly #reads: TurnQueue<ReadRequest>;
  readonly #commits: TurnQueue<CommitRequest>;
  #moment = 0;

  constructor(options: LaneOptions) {
    const { connection, clock } = options;
    this.#options = options;
    this.#reads = new TurnQueue({
      connection,
      clock,
      sizeOf: (request) => request.keys.length,
      mostKeys: BATCH.readKeys,
      mostRequests: BATCH.readKeys,
      send: (batch) => this.#sendReads(batch),
    });
    this.#commits = new TurnQueue({
      connection,
      clock,
      sizeOf: (request) => request.commit.items.length + 1,
      mostKeys: BATCH.commitKeys,
      mostRequests: BATCH.transactions,
      send: (batch) => this.#sendCommits(batch),
    });
  }

  read(keys: readonly string[], until: number): Promise<ReadReply> {
    return new Promise((resolve, reject) => this.#reads.add({ keys, until, resolve, reject }));
  }

  commit(commit: OnePhaseCommit, until: number): Promise<OnePhaseReply> {
    return new Promise((resolve, reject) => this.#commits.add({ commit, until, resolve, reject }));
  }

  async #sendReads(batch: readonly ReadRequest[]): Promise<void> {
    const all = batch.flatMap((request) => request.keys);
    try {
      const values = (await this.#options.connection.execute('MGET', all)) as (string | null)[];
      const moment = ++this.#moment;
      let at = 0;
      for (const { keys, resolve } of batch) {
        const items = keys.map(() => {
          const value = values[at++];
          return typeof value === 'string' ? parseStoredItem(value) : undefined;
        });
        resolve({ items, moment });
      }
    } catch (error) {
      // A read may be repeated whatever became of it.
      if (executionOf(error) === 'refused') refuse(batch, error);
      else await this.#reads.again(batch, error);
    }
  }

  async #sendCommits(batch: readonly CommitRequest[]): Promise<void> {
    const { connection, longestTimeoutMs, keepMs } = this.#options;
    const message = new CommitMessage(longestTimeoutMs, keepMs);
    for (const { commit } of batch) {
      commit.sent = true;
      message.add(commit);
    }
    try {
      const replies = await COMMIT_ONE_PHASE.run(connection, message.keyCount, message.all);
      batch.forEach((request, index) => this.#answer(request, (replies as unknown[])[index]));
    } catch (error) {
      this.#fail(batch, error);
    }
  }

  #answer(request: CommitRequest, text: unknown): void {
    try {
      const reply = parseCommitReply(text);
      if (reply.status === 'failed') return this.#fail([request], new Error(reply.message));
      if (reply.status === 'deadline') this.#options.onClockDoubt(reply.nodeTimeMs);
      request.resolve(reply);
    } catch (error) {
      request.reject(error);
    }
  }

  #fail(batch: readonly CommitRequest[], error: unknown): void {
    const execution = executionOf(error);
    if (execution === 'refused') refuse(batch, error);
    else if (execution === 'maybe-executed') {
      const lost = new CommitReplyLostError(messageOf(error), { cause: withoutArguments(error) });
      for (const request of batch) request.reject(lost);
    } else {
      for (const { commit } of batch) commit.sent = false;
      void this.#commits.again(batch, error);
    }
  }
}
