import { InvariantViolationError } from '../errors/index.js';
import { parseRedo, printRedo } from './redo.js';
import type { HeldItem, RecordedBranch, TransactionRecord } from './versioned-store.js';

type BranchEntry = readonly [participant: string, number: number, payload?: unknown];

/** A pending record that waits for the participant of this name. */
const PENDING = /^pending(?:@([^|]*))?$/;

/** What a record tells beyond the members it is given: JSON members, each with a comma before it. */
export function printDecided(
  redo: readonly HeldItem[] | undefined,
  branches: readonly RecordedBranch[] = [],
): string {
  const whatItems = redo === undefined ? '' : `,${printRedo(redo)}`;
  return branches.length === 0 ? whatItems : `,${printBranches(branches)}${whatItems}`;
}

/** The head of a record that is not decided. */
export function printPending(decider: string | undefined): string {
  return decider === undefined ? 'pending' : `pending@${decider}`;
}

/**
 * Reads a record, `<status>|<json>`; undefined for what no release of this library wrote.
 * @throws InvariantViolationError for JSON that none wrote.
 */
export function parseRecord(text: string): TransactionRecord | undefined {
  const bar = text.indexOf('|');
  const head = text.slice(0, bar);
  const json = text.slice(bar + 1);
  const pending = PENDING.exec(head);
  const status = pending === null ? head : 'pending';
  if (status !== 'pending' && status !== 'committed' && status !== 'rolled_back') return undefined;
  return { status, decider: pending?.[1], redo: parseRedo(json), branches: parseBranches(json) };
}

function printBranches(branches: readonly RecordedBranch[]): string {
  const entries = branches.map(({ participant, number, payload }): BranchEntry =>
    payload === undefined ? [participant, number] : [participant, number, payload],
  );
  return `"branches":${JSON.stringify(entries)}`;
}

function parseBranches(json: string): readonly RecordedBranch[] {
  try {
    const { branches = [] } = JSON.parse(json) as { branches?: readonly BranchEntry[] };
    return branches.map(([participant, number, payload]) => ({ participant, number, payload }));
  } catch (cause) {
    throw new InvariantViolationError('A record cannot be read.', { cause });
  }
}
