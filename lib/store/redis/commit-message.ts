import { InvariantViolationError } from '../../errors/index.js';
import { ABSENT_VERSION, ANY_ABSENCE, nextVersion } from '../version.js';
import { printStoredItem, printTombstone } from '../stored-item.js';
import { isKept, printMembers } from '../stored-record.js';
import { recordKeyOf } from '../transaction-address.js';
import type {
  CommitItem,
  CounterIncrement,
  HeldItem,
  ItemRefusal,
  OnePhaseCommit,
  OnePhaseReply,
} from '../versioned-store.js';

/** What the texts of a store's items depend on, in milliseconds. */
export interface MessageTimes {
  /** How far ahead a deadline may lie. */
  readonly longestTimeoutMs: number;
  /** How long a record outlives its deadline. */
  readonly keepMs: number;
  /** How long it is remembered who deleted an item; undefined where nobody asks. */
  readonly tombstoneMs: number | undefined;
}

/** The arguments of commit-one-phase.lua for several transactions: few, since each costs both sides. */
export class CommitMessage {
  readonly #keys: string[] = [];
  readonly #args: string[];
  readonly #times: MessageTimes;

  constructor(times: MessageTimes, commits: readonly OnePhaseCommit[]) {
    this.#args = [String(times.longestTimeoutMs)];
    this.#times = times;
    for (const commit of commits) this.#add(commit);
  }

  /** The keys, then the other arguments. */
  get all(): readonly string[] {
    return this.#keys.concat(this.#args);
  }

  #add(commit: OnePhaseCommit): void {
    const { address, items, announced } = commit;
    this.#keys.push(recordKeyOf(address));
    const { deadlineAtMs } = address;
    // A plus keeps the record from expiring: it decides about something elsewhere.
    const flags = `${isKept(commit) ? '+' : ''}${announced ? '!' : ''}`;
    const expiresAtMs = deadlineAtMs + this.#times.keepMs;
    this.#args.push(
      `${items.length} ${deadlineAtMs} ${expiresAtMs}${flags} ${printMembers(commit)}`,
    );
    for (const item of items) {
      this.#keys.push(item.key);
      this.#args.push(printItem(item, address.id, this.#times.tombstoneMs));
      if (item.expectedForeign !== undefined) this.#args.push(item.expectedForeign);
    }
  }
}

/** How many keys a message has for these commits: of each its record and its items. */
export function keyCountOf(commits: readonly OnePhaseCommit[]): number {
  return commits.reduce((count, { items }) => count + items.length + 1, 0);
}

function printItem(item: CommitItem, writer: string, tombstoneMs: number | undefined): string {
  const { key, change, expectedForeign, expected, held } = item;
  if (change === undefined) return `r${held === undefined ? expectation(expected) : `${held}|`}`;
  if (held !== undefined) return printHeldItem({ key, held, change }, writer, tombstoneMs);
  switch (change.kind) {
    case 'delete':
      return printDeletion(expectation(expected), writer, tombstoneMs);
    case 'increment':
      return `${kind('i', change.ttlMs)}${writer}|${printIncrements(change.increments)}`;
    case 'write': {
      const { counters, payload, ttlMs } = change;
      if (expectedForeign !== undefined) {
        return kind('a', ttlMs) + printStoredItem(`1.${writer}`, counters, payload);
      }
      if (expected === undefined) {
        return kind('b', ttlMs) + printStoredItem(`.${writer}`, counters, payload);
      }
      const text = printStoredItem(nextVersion(expected, writer), counters, payload);
      return kind('w', ttlMs) + expectation(expected) + text;
    }
  }
}

/** An item that the transaction holds: its whole head has to stand, and goes with the change. */
export function printHeldItem(
  { held, change }: HeldItem,
  writer: string,
  tombstoneMs: number | undefined,
): string {
  switch (change.kind) {
    case 'delete':
      return printDeletion(`${held}|`, writer, tombstoneMs);
    case 'increment':
      return `${kind('h', change.ttlMs)}${held}|${writer}|${printIncrements(change.increments)}`;
    case 'write': {
      const { counters, payload, ttlMs } = change;
      return `${kind('w', ttlMs)}${held}|${printStoredItem(nextVersion(held, writer), counters, payload)}`;
    }
  }
}

function printDeletion(head: string, writer: string, tombstoneMs: number | undefined): string {
  if (tombstoneMs === undefined) return `d${head}`;
  return kind('d', tombstoneMs) + head + printTombstone(writer);
}

/** A capital letter says that a time to live follows. */
function kind(letter: string, ttlMs: number | undefined): string {
  return ttlMs === undefined ? letter : `${letter.toUpperCase()}${ttlMs} `;
}

/**
 * The first bytes that an item must have, its version and the bar, so that no lock passes; or what says
 * that any absence will do.
 */
export function expectation(expected: string | undefined): string {
  if (expected === ANY_ABSENCE) return '*|';
  return expected === undefined || expected === ABSENT_VERSION ? '|' : `${expected}|`;
}

export function printIncrements(increments: readonly CounterIncrement[]): string {
  return increments.map(printIncrement).join(';');
}

function printIncrement({ index, by, min, max }: CounterIncrement): string {
  return `${index},${by},${min ?? ''},${max ?? ''}`;
}

const NO_COUNTS: ReadonlyMap<number, number> = new Map();
const COMMITTED: OnePhaseReply = { status: 'committed', commitCounts: NO_COUNTS };

/** A server error that came for one transaction of the batch, before anything of it was written. */
export interface FailedReply {
  readonly status: 'failed';
  readonly message: string;
}

export function isCommitted(reply: unknown): boolean {
  return String(reply).startsWith('committed');
}

/** @throws InvariantViolationError where a decider is waited for, and for an answer that no script gives. */
export function parseCommitReply(reply: unknown): OnePhaseReply | FailedReply {
  if (reply === 'committed') return COMMITTED;
  const text = String(reply);
  const refusal = parseItemRefusal(text);
  if (refusal !== undefined) return refusal;
  const [status, rest] = splitReply(text);
  switch (status) {
    case 'committed':
      return { status, commitCounts: parseCounts(rest) };
    case 'rolled_back':
      return { status };
    case 'deadline':
      return { status, nodeTimeMs: Number(rest) };
    case 'failed':
      return { status, message: rest };
    case 'pending':
      throw new InvariantViolationError(
        'The record of the transaction names a decider, so it cannot commit by itself.',
      );
    default:
      throw new InvariantViolationError(
        `The commit script answered ${JSON.stringify(text.slice(0, 200))}.` +
          (status === 'torn' ? ' A transaction may have been written in part.' : ''),
      );
  }
}

/** What an item has against a step; undefined for any other answer. */
export function parseItemRefusal(text: string): ItemRefusal | undefined {
  const [status, rest] = splitReply(text);
  switch (status) {
    case 'conflict':
    case 'locked': {
      const [index, found = ''] = rest.split(' ');
      return { status, index: Number(index), found };
    }
    case 'bound': {
      const [index, increment, value] = rest.split(' ').map(Number);
      return { status, index: index ?? 0, increment: increment ?? 0, value: value ?? 0 };
    }
    case 'absent':
    case 'counters':
    case 'foreign':
      return { status, index: Number(rest) };
    default:
      return undefined;
  }
}

function splitReply(text: string): readonly [status: string, rest: string] {
  const space = text.indexOf(' ');
  return space < 0 ? [text, ''] : [text.slice(0, space), text.slice(space + 1)];
}

function parseCounts(rest: string): ReadonlyMap<number, number> {
  return new Map(rest.split(' ').map((pair) => pair.split(':').map(Number) as [number, number]));
}
