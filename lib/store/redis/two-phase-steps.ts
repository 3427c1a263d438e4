import { InvariantViolationError } from '../../errors/index.js';
import { printAddress, type TransactionAddress } from '../transaction-address.js';
import type {
  AppliedStatus,
  CommitItem,
  HeldItem,
  PrepareReply,
  PrepareRequest,
} from '../versioned-store.js';
import {
  expectation,
  parseItemRefusal,
  printHeldItem,
  printIncrements,
  type MessageTimes,
} from './commit-message.js';
import type { RedisConnection } from './redis-connection.js';
import { APPLY, PREPARE, RELEASE } from './redis-script.js';
import { notWorthWaiting } from './replication.js';

export interface TwoPhaseContext {
  readonly connection: RedisConnection;
  /** For what decides, or what a decision rests on. */
  readonly writes: RedisConnection;
  readonly times: MessageTimes;
  /** By the clock of the master of a key. */
  readonly nodeTime: (key: string) => number;
  /** Repeats a step that may be repeated until it is answered or time is over. */
  readonly persist: <T>(until: number, step: () => Promise<T>) => Promise<T>;
}

/**
 * The steps of a commit over several nodes, each on one of them. All of them may be repeated, so a
 * lost reply is asked for again.
 */
export class TwoPhaseSteps {
  readonly #context: TwoPhaseContext;

  constructor(context: TwoPhaseContext) {
    this.#context = context;
  }

  prepare({ address, marked, items }: PrepareRequest, until: number): Promise<PrepareReply> {
    const { writes, persist } = this.#context;
    const keys = items.map((item) => item.key);
    const lock = `${printAddress(address)}${marked ? '!' : ''}`;
    const args = [...keys, lock, ...items.map(printPreparation)];
    // Nobody waits for replicas with locks in his hands.
    return persist(until, () =>
      PREPARE.run(writes, keys.length, () => args).then(parsePrepareReply, (error: unknown) => {
        throw notWorthWaiting(writes, error);
      }),
    );
  }

  apply(
    address: TransactionAddress,
    items: readonly HeldItem[],
    until: number,
  ): Promise<readonly AppliedStatus[]> {
    const { writes, persist, times } = this.#context;
    const keys = items.map((item) => item.key);
    const steps = items.map((item) => printHeldItem(item, address.id, times.tombstoneMs));
    const args = [...keys, printAddress(address), ...steps];
    return persist(until, () =>
      APPLY.run(writes, keys.length, () => args).then((replies) =>
        (replies as unknown[]).map(parseApplied),
      ),
    );
  }

  release(address: TransactionAddress, keys: readonly string[], until: number): Promise<void> {
    const { connection, persist } = this.#context;
    const args = [...keys, printAddress(address)];
    return persist(until, () => RELEASE.run(connection, keys.length, () => args) as Promise<void>);
  }
}

/** What has to hold for an item to be locked; what becomes of it is told later. */
function printPreparation({ change, expected, expectedForeign }: CommitItem): string {
  if (expectedForeign !== undefined) return 'a';
  if (change?.kind === 'increment') return `i${printIncrements(change.increments)}`;
  if (expected === undefined) return 'b';
  return `w${expectation(expected)}`;
}

function parsePrepareReply(reply: unknown): PrepareReply {
  if (Array.isArray(reply) && reply[0] === 'prepared') {
    return { status: 'prepared', heads: reply.slice(1) as string[] };
  }
  const text = String(reply);
  const refusal = parseItemRefusal(text);
  if (refusal !== undefined) return refusal;
  if (text.startsWith('failed ')) {
    // The first phase writes locks only, and whoever is refused releases them.
    const error = new Error(text.slice('failed '.length));
    error.name = 'ReplyError';
    throw error;
  }
  throw new InvariantViolationError(`The prepare script answered ${text.slice(0, 200)}.`);
}

function parseApplied(reply: unknown): AppliedStatus {
  if (reply === 'applied' || reply === 'passed') return reply;
  throw new InvariantViolationError(`The apply script answered ${String(reply).slice(0, 200)}.`);
}
