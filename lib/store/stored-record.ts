import { InvariantViolationError } from '../errors/index.js';
import { parseRedo, printRedo } from './redo.js';
import { printAddress, type TransactionAddress } from './transaction-address.js';
import type {
  HeldItem,
  PendingTransaction,
  RecordedBranch,
  TransactionRecord,
} from './versioned-store.js';

/** What a record consists of besides its status. */
export interface RecordMembers {
  /** JSON members, without the braces. */
  readonly record: string;
  readonly branches?: readonly RecordedBranch[] | undefined;
  readonly redo?: readonly HeldItem[] | undefined;
}

type BranchEntry = readonly [participant: string, number: number, payload?: unknown];

/** `<status>|<json>`; the status of one that waits for a decider is `pending@<participant>`. */
const RECORD = /^(committed|rolled_back|pending)(?:@([^|]+))?\|/;

/** Stands in every record that tells of branches, and in no other: inside of a text its quotes are escaped. */
const BRANCHES = '"branches":[';

/** Whether a record stays until it is retired: it decides about something elsewhere. */
export function isKept({ branches, redo }: Pick<RecordMembers, 'branches' | 'redo'>): boolean {
  return redo !== undefined || (branches !== undefined && branches.length > 0);
}

/** Whether the text of a record, or its JSON, tells of branches. */
export function hasBranches(text: string): boolean {
  return text.includes(BRANCHES);
}

/** The members of a record's JSON, without the braces. */
export function printMembers({ record, branches = [], redo }: RecordMembers): string {
  const members = [record];
  if (branches.length > 0) {
    members.push(`"branches":${JSON.stringify(branches.map(toEntry))}`);
  }
  if (redo !== undefined) members.push(printRedo(redo));
  return members.filter((member) => member !== '').join(',');
}

/** The whole text of a record that nothing has decided yet. */
export function printPending(pending: PendingTransaction): string {
  const decider = pending.decider === undefined ? '' : `@${pending.decider}`;
  return `pending${decider}|{${printMembers(pending)}}`;
}

/**
 * Undefined for a text that is no record.
 *
 * @throws InvariantViolationError for a record that no release of this library wrote.
 */
export function parseRecord(text: string): TransactionRecord | undefined {
  const head = RECORD.exec(text);
  if (head === null) return undefined;
  const [{ length }, status, decider] = head;
  const json = text.slice(length);
  return {
    status: status as TransactionRecord['status'],
    decider,
    redo: parseRedo(json),
    branches: hasBranches(json) ? parseBranches(json) : [],
  };
}

/** What waits for its decider must not be decided by its record. */
export function waitsForDecider(address: TransactionAddress): InvariantViolationError {
  return new InvariantViolationError(
    `The record of ${printAddress(address)} names a decider, so it cannot commit by itself.`,
  );
}

/** What its record decides must not be concluded by anybody else. */
export function hasNoDecider(address: TransactionAddress): InvariantViolationError {
  return new InvariantViolationError(
    `The record of ${printAddress(address)} names no decider, so nobody else can conclude it.`,
  );
}

function toEntry({ participant, number, payload }: RecordedBranch): BranchEntry {
  return payload === undefined ? [participant, number] : [participant, number, payload];
}

function parseBranches(json: string): readonly RecordedBranch[] {
  const { branches } = JSON.parse(json) as { branches?: unknown };
  if (branches === undefined) return [];
  if (!Array.isArray(branches)) throw new InvariantViolationError('A record cannot be read.');
  return branches.map((entry) => {
    if (!isEntry(entry)) throw new InvariantViolationError('A record tells of no known branch.');
    const [participant, number, payload] = entry;
    return { participant, number, payload };
  });
}

function isEntry(entry: unknown): entry is BranchEntry {
  return Array.isArray(entry) && typeof entry[0] === 'string' && typeof entry[1] === 'number';
}
