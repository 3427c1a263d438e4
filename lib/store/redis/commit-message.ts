import { InvariantViolationError } from '../../errors/index.js';
import { ABSENT_VERSION, nextVersion } from '../version.js';
import { printStoredItem } from '../stored-item.js';
import { recordKeyOf } from '../transaction-address.js';
import type {
  CommitItem,
  CounterIncrement,
  OnePhaseCommit,
  OnePhaseReply,
} from '../versioned-store.js';

/** The arguments of commit-one-phase.lua for several transactions: few, since each costs both sides. */
export class CommitMessage {
  readonly #keys: string[] = [];
  readonly #args: string[];
  readonly #keepMs: number;

  constructor(longestTimeoutMs: number, keepMs: number) {
    this.#args = [String(longestTimeoutMs)];
    this.#keepMs = keepMs;
  }

  get keyCount(): number {
    return this.#keys.length;
  }

  /** The keys, then the other arguments. */
  get all(): readonly string[] {
    return this.#keys.concat(this.#args);
  }

  add({ address, items, record }: OnePhaseCommit): void {
    this.#keys.push(recordKeyOf(address));
    const { deadlineAtMs } = address;
    this.#args.push(`${items.length} ${deadlineAtMs} ${deadlineAtMs + this.#keepMs} ${record}`);
    for (const item of items) {
      this.#keys.push(item.key);
      this.#args.push(printItem(item, address.id));
      if (item.expectedForeign !== undefined) this.#args.push(item.expectedForeign);
    }
  }
}

function printItem({ change, expectedForeign, expected }: CommitItem, writer: string): string {
  if (change === undefined) return `r${expectation(expected)}`;
  switch (change.kind) {
    case 'delete':
      return `d${expectation(expected)}`;
    case 'increment':
      return `${kind('i', change.ttlMs)}${writer}|${change.increments.map(printIncrement).join(';')}`;
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

/** A capital letter says that a time to live follows. */
function kind(letter: string, ttlMs: number | undefined): string {
  return ttlMs === undefined ? letter : `${letter.toUpperCase()}${ttlMs} `;
}

/** The first bytes that an item must have, its version and the bar, so that no lock passes. */
function expectation(expected: string | undefined): string {
  return expected === undefined || expected === ABSENT_VERSION ? '|' : `${expected}|`;
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

/** @throws InvariantViolationError for an answer that no version of the script gives. */
export function parseCommitReply(reply: unknown): OnePhaseReply | FailedReply {
  if (reply === 'committed') return COMMITTED;
  const text = String(reply);
  const space = text.indexOf(' ');
  const status = space < 0 ? text : text.slice(0, space);
  const rest = space < 0 ? '' : text.slice(space + 1);
  switch (status) {
    case 'committed':
      return { status, commitCounts: parseCounts(rest) };
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
    case 'rolled_back':
      return { status };
    case 'deadline':
      return { status, nodeTimeMs: Number(rest) };
    case 'failed':
      return { status, message: rest };
    default:
      throw new InvariantViolationError(
        `The commit script answered ${JSON.stringify(text.slice(0, 200))}.` +
          (status === 'torn' ? ' A transaction may have been written in part.' : ''),
      );
  }
}

function parseCounts(rest: string): ReadonlyMap<number, number> {
  return new Map(rest.split(' ').map((pair) => pair.split(':').map(Number) as [number, number]));
}
