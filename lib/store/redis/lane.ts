import type { Clock } from '../clock.js';
import { parseStoredItem, type ForeignValue } from '../stored-item.js';
import {
  CommitReplyLostError,
  type OnePhaseCommit,
  type OnePhaseReply,
  type ReadReply,
} from '../versioned-store.js';
import { CommitMessage, parseCommitReply } from './commit-message.js';
import type { RedisConnection } from './redis-connection.js';
import {
  executionOf,
  isForbiddenKey,
  isWrongType,
  messageOf,
  withoutArguments,
} from './redis-errors.js';
import { COMMIT_ONE_PHASE } from './redis-script.js';
import { refuse, TurnQueue, type Request } from './turn-queue.js';

/** How much travels in one command: docs/adr/0002-batches-by-turn.md. */
const BATCH = { readKeys: 512, commitKeys: 1000, transactions: 16 } as const;

const NONE: ReadonlySet<string> = new Set();
const OTHER_TYPE: ForeignValue = { kind: 'foreign', value: '' };

/** An error of the server that the script has caught for one transaction of its batch. */
class CaughtReplyError extends Error {
  override readonly name = 'ReplyError';
}

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
      const absent = all.filter((_, index) => values[index] === null);
      const ofOtherTypes = absent.length === 0 ? NONE : await this.#findOtherTypes(absent);
      let at = 0;
      for (const { keys, resolve } of batch) {
        const items = keys.map((key) => {
          const value = values[at++];
          if (typeof value === 'string') return parseStoredItem(value);
          return ofOtherTypes.has(key) ? OTHER_TYPE : undefined;
        });
        resolve({ items, moment });
      }
    } catch (error) {
      // A read may be repeated whatever became of it.
      if (executionOf(error) !== 'refused') await this.#reads.again(batch, error);
      else if (batch.length > 1 && isForbiddenKey(error)) {
        // Somebody else's forbidden key is no reason to refuse the others.
        for (const request of batch) void this.#sendReads([request]);
      } else refuse(batch, error);
    }
  }

  /** MGET shows a hash, a list or the like as absent; who reads an absence is told which it is. */
  async #findOtherTypes(absent: readonly string[]): Promise<ReadonlySet<string>> {
    const { connection } = this.#options;
    if (Number(await connection.execute('EXISTS', absent)) === 0) return NONE;
    const found = new Set<string>();
    for (const key of absent) {
      try {
        await connection.execute('GETRANGE', [key, '0', '0']);
      } catch (error) {
        if (!isWrongType(error)) throw error;
        found.add(key);
      }
    }
    return found;
  }

  async #sendCommits(requests: readonly CommitRequest[]): Promise<void> {
    const batch = requests.filter((request) => !this.#isWithdrawn(request));
    if (batch.length === 0) return;
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
      if (reply.status === 'failed')
        return this.#failUnwritten(request, new CaughtReplyError(reply.message));
      if (reply.status === 'deadline') this.#options.onClockDoubt(reply.nodeTimeMs);
      request.resolve(reply);
    } catch (error) {
      request.reject(error);
    }
  }

  /** The script itself says that nothing was written. */
  #failUnwritten(request: CommitRequest, error: Error): void {
    this.#options.connection.noteError(error);
    if (executionOf(error) === 'not-executed') this.#sendAgain([request], error);
    else refuse([request], error);
  }

  #fail(batch: readonly CommitRequest[], error: unknown): void {
    switch (executionOf(error)) {
      case 'not-executed':
        return this.#sendAgain(batch, error);
      case 'refused':
        if (batch.length === 1 || !isForbiddenKey(error)) return refuse(batch, error);
        for (const request of batch) void this.#sendCommits([request]);
        return;
      case 'maybe-executed': {
        const lost = new CommitReplyLostError(messageOf(error), { cause: withoutArguments(error) });
        for (const request of batch) request.reject(lost);
      }
    }
  }

  #sendAgain(batch: readonly CommitRequest[], error: unknown): void {
    for (const { commit } of batch) commit.sent = false;
    void this.#commits.again(batch, error);
  }

  /** Its caller has been told that nothing was written, so nothing may be. */
  #isWithdrawn({ commit, reject }: CommitRequest): boolean {
    if (!commit.withdrawn) return false;
    reject(this.#options.connection.unavailable('was not asked: the time of the call is over'));
    return true;
  }
}
