import type { Clock } from '../clock.js';
import { DurabilityNotReachedError } from '../../errors/index.js';
import { messageOf } from '../../errors/message-of.js';
import { slotOf } from '../hash-slot.js';
import { printAddress, recordKeyOf } from '../transaction-address.js';
import { parseStoredItem, type ForeignValue, type StoredItem } from '../stored-item.js';
import {
  CommitReplyLostError,
  type OnePhaseCommit,
  type OnePhaseReply,
  type ReadReply,
} from '../versioned-store.js';
import {
  CommitMessage,
  isCommitted,
  keyCountOf,
  parseCommitReply,
  type MessageTimes,
} from './commit-message.js';
import type { RedisConnection } from './redis-connection.js';
import { executionOf, isForbiddenKey, isWrongType, withoutArguments } from './redis-errors.js';
import { COMMIT_ONE_PHASE } from './redis-script.js';
import { NotReplicatedError, notWorthWaiting } from './replication.js';
import { partsOf } from './read-parts.js';
import { NOTHING_WRITTEN, refuse, TurnQueue, type Request } from './turn-queue.js';

/** How much travels in one command: docs/adr/0002-batches-by-turn.md. */
const BATCH = { readKeys: 512, commitKeys: 1000, transactions: 16 } as const;

const OTHER_TYPE: ForeignValue = { kind: 'foreign', value: '' };

/** An error of the server that the script has caught for one transaction of its batch. */
class CaughtReplyError extends Error {
  override readonly name = 'ReplyError';
}

// Classes, since V8 may put the objects of a literal into its old generation right away, where dead
// ones keep their whole transaction alive until the next full collection.
class ReadRequest implements Request<ReadReply> {
  constructor(
    readonly keys: readonly string[],
    readonly until: number,
    readonly resolve: (reply: ReadReply) => void,
    readonly reject: (error: unknown) => void,
  ) {}
}
class ReadAnswer implements ReadReply {
  constructor(
    readonly items: ReadReply['items'],
    readonly moment: number,
    readonly locked: boolean,
  ) {}
}
class CommitRequest implements Request<OnePhaseReply> {
  constructor(
    readonly commit: OnePhaseCommit,
    readonly until: number,
    readonly resolve: (reply: OnePhaseReply) => void,
    readonly reject: (error: unknown) => void,
  ) {}
}

export interface OnePhaseOptions {
  readonly connection: RedisConnection;
  /** Over which commits go; where replicas are waited for, another one. */
  readonly writes: RedisConnection;
  readonly clock: Clock;
  readonly times: MessageTimes;
  /** Called with the node's time when its clock proves to be other than thought. */
  readonly onClockDoubt: (nodeTimeMs: number, recordKey: string) => void;
}

/**
 * The way to the nodes of a store: the reads of a turn travel in one MGET to each, the one-phase commits
 * of a turn in script calls of a few transactions, so that batches overlap; each transaction is judged
 * on its own. A node is a hash slot of a cluster, or the only server.
 */
export class OnePhaseSteps {
  readonly #options: OnePhaseOptions;
  readonly #reads: TurnQueue<ReadRequest>;
  /** Reads on which a decision rests. */
  readonly #looks: TurnQueue<ReadRequest>;
  readonly #commits: TurnQueue<CommitRequest>;
  /** Undefined where there is one node only. */
  readonly #nodeOf: ((key: string) => number) | undefined;
  #moment = 0;

  constructor(options: OnePhaseOptions) {
    const { connection, writes, clock } = options;
    this.#options = options;
    const nodeOf = connection.isCluster ? slotOf : undefined;
    this.#nodeOf = nodeOf;
    this.#reads = this.#queueOfReads(connection);
    this.#looks = writes === connection ? this.#reads : this.#queueOfReads(writes);
    this.#commits = new TurnQueue<CommitRequest>({
      connection: writes,
      clock,
      nodeOf: nodeOf && (({ commit }) => nodeOf(keyOf(commit))),
      sizeOf: (request) => request.commit.items.length + 1,
      mostKeys: BATCH.commitKeys,
      mostRequests: BATCH.transactions,
      send: (batch) => this.#sendCommits(batch),
    });
  }

  /** @param decides Whether a decision rests on it: then it is answered once replicas confirm the master. */
  read(keys: readonly string[], until: number, decides = false): Promise<ReadReply> {
    const queue = decides ? this.#looks : this.#reads;
    return new Promise((resolve, reject) => {
      const parts = this.#nodeOf === undefined ? undefined : partsOf(keys, this.#nodeOf, resolve);
      if (parts === undefined) queue.add(new ReadRequest(keys, until, resolve, reject));
      else {
        for (const part of parts) {
          queue.add(new ReadRequest(part.keys, until, part.answer, reject));
        }
      }
    });
  }

  /** All items, and the record, lie on one node. */
  commit(commit: OnePhaseCommit, until: number): Promise<OnePhaseReply> {
    return new Promise((resolve, reject) => {
      this.#commits.add(new CommitRequest(commit, until, resolve, reject));
    });
  }

  #queueOfReads(connection: RedisConnection): TurnQueue<ReadRequest> {
    const nodeOf = this.#nodeOf;
    const queue = new TurnQueue<ReadRequest>({
      connection,
      clock: this.#options.clock,
      nodeOf: nodeOf && (({ keys }) => nodeOf(keys[0] ?? '')),
      sizeOf: (request) => request.keys.length,
      mostKeys: BATCH.readKeys,
      mostRequests: BATCH.readKeys,
      send: (batch) => this.#sendReads(batch, { queue, connection }),
    });
    return queue;
  }

  #sendReads(batch: readonly ReadRequest[], way: ReadWay): void {
    const keys = batch.length === 1 ? batch[0]!.keys : batch.flatMap((request) => request.keys);
    way.connection.execute('MGET', keys).then(
      (values) => this.#answerReads(batch, keys, values as (string | null)[], way),
      (error: unknown) => this.#failReads(batch, error, way),
    );
  }

  #answerReads(
    batch: readonly ReadRequest[],
    keys: readonly string[],
    values: readonly (string | null)[],
    way: ReadWay,
  ): void {
    const moment = ++this.#moment;
    const items = values.map((value) => (value === null ? undefined : parseStoredItem(value)));
    const locked = items.some((item) => item?.kind === 'item' && item.lock !== undefined);
    const answer = (): void => {
      let at = 0;
      for (const request of batch) {
        const end = at + request.keys.length;
        const own = batch.length === 1 ? items : items.slice(at, end);
        // A lock of another request of the batch costs this one a second look, and nothing else.
        request.resolve(new ReadAnswer(own, moment, locked));
        at = end;
      }
    };
    if (!values.includes(null)) answer();
    else {
      this.#markOtherTypes(keys, items).then(answer, (error: unknown) =>
        this.#failReads(batch, error, way),
      );
    }
  }

  /** A read may be repeated whatever became of it; whoever waits for replicas does so with locks in his hands. */
  #failReads(batch: readonly ReadRequest[], error: unknown, way: ReadWay): void {
    if (error instanceof NotReplicatedError) {
      const unconfirmed = notWorthWaiting(way.connection, error);
      for (const request of batch) request.reject(unconfirmed);
    } else if (executionOf(error) !== 'refused') void way.queue.again(batch, error);
    else if (batch.length > 1 && isForbiddenKey(error)) {
      // Somebody else's forbidden key is no reason to refuse the others.
      for (const request of batch) this.#sendReads([request], way);
    } else refuse(batch, error);
  }

  /** MGET shows a hash, a list or the like as absent; who reads an absence is told which it is. */
  async #markOtherTypes(
    keys: readonly string[],
    items: (StoredItem | ForeignValue | undefined)[],
  ): Promise<void> {
    const { connection } = this.#options;
    const absent = keys.filter((_, index) => items[index] === undefined);
    if (Number(await connection.execute('EXISTS', absent)) === 0) return;
    for (const [index, key] of keys.entries()) {
      if (items[index] !== undefined) continue;
      try {
        await connection.execute('GETRANGE', [key, '0', '0']);
      } catch (error) {
        if (!isWrongType(error)) throw error;
        items[index] = OTHER_TYPE;
      }
    }
  }

  #sendCommits(requests: readonly CommitRequest[]): void {
    const batch = requests.filter((request) => !this.#isWithdrawn(request));
    if (batch.length === 0) return;
    const { writes, times } = this.#options;
    const commits = batch.map(({ commit }) => commit);
    for (const commit of commits) commit.sent = true;
    const argsOf = (): readonly string[] => new CommitMessage(times, commits).all;
    COMMIT_ONE_PHASE.run(writes, keyCountOf(commits), argsOf).then(
      (replies) => {
        for (const [index, request] of batch.entries()) {
          this.#answer(request, (replies as unknown[])[index]);
        }
      },
      (error: unknown) => {
        if (error instanceof NotReplicatedError) this.#answerUnreplicated(batch, error);
        else this.#fail(batch, error);
      },
    );
  }

  /** A refusal needs no replicas. */
  #answerUnreplicated(batch: readonly CommitRequest[], error: NotReplicatedError): void {
    for (const [index, request] of batch.entries()) {
      const text = (error.reply as unknown[])[index];
      if (!isCommitted(text)) this.#answer(request, text);
      else {
        const address = printAddress(request.commit.address);
        request.reject(new DurabilityNotReachedError(address, { cause: error }));
      }
    }
  }

  #answer(request: CommitRequest, text: unknown): void {
    try {
      const reply = parseCommitReply(text);
      if (reply.status === 'failed')
        return this.#failUnwritten(request, new CaughtReplyError(reply.message));
      if (reply.status === 'deadline') {
        this.#options.onClockDoubt(reply.nodeTimeMs, recordKeyOf(request.commit.address));
      }
      request.resolve(reply);
    } catch (error) {
      request.reject(error);
    }
  }

  /** The script itself says that nothing was written. */
  #failUnwritten(request: CommitRequest, error: Error): void {
    this.#options.writes.noteError(error);
    if (executionOf(error) === 'not-executed') this.#sendAgain([request], error);
    else refuse([request], error);
  }

  #fail(batch: readonly CommitRequest[], error: unknown): void {
    switch (executionOf(error)) {
      case 'not-executed':
        return this.#sendAgain(batch, error);
      case 'refused':
        if (batch.length === 1 || !isForbiddenKey(error)) return refuse(batch, error);
        for (const request of batch) this.#sendCommits([request]);
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
    const { writes } = this.#options;
    reject(writes.unavailable('was not asked: the time of the call is over', NOTHING_WRITTEN));
    return true;
  }
}

/** Over which connection reads go, and where they wait to be sent again. */
interface ReadWay {
  readonly queue: TurnQueue<ReadRequest>;
  readonly connection: RedisConnection;
}

function keyOf({ items, address }: OnePhaseCommit): string {
  return items[0]?.key ?? recordKeyOf(address);
}
