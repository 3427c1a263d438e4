import type { Key, Model, Transaction } from './program.js';
import { ABSENT, isAbsent, seenVersionOf, type Draft, type State } from './state.js';

/**
 * What a node does in one atomic step, as `VersionedStore` has it. Each step changes the draft it is
 * given, and answers as the node would.
 */

/** Locks the items of one part, all or none. Repeated it answers what it answered before. */
export function prepare(draft: Draft, transaction: Transaction, part: readonly Key[]): boolean {
  const { seen } = draft.runs[transaction]!;
  const refused = part.some((key) => {
    const item = draft.items[key]!;
    if (item.lock !== undefined) return item.lock !== transaction;
    return !isExpected(seen[key], seenVersionOf(item));
  });
  if (refused) return false;
  for (const key of part) {
    const item = draft.items[key]!;
    if (item.lock === transaction) continue;
    const { version, placeholders } = item;
    draft.items[key] = isAbsent(version)
      ? { version: `${version}#${placeholders}`, lock: transaction, placeholders: placeholders + 1 }
      : { ...item, lock: transaction };
  }
  return true;
}

/** Whether what was read on one node still stands there, with no lock on it. */
export function stillStands(
  { items, runs }: State,
  { rules }: Model,
  transaction: Transaction,
  keys: readonly Key[],
): boolean {
  const { seen } = runs[transaction]!;
  return keys.every((key) => {
    const item = items[key]!;
    if (rules.validationHeedsLocks && item.lock !== undefined) return false;
    return seenVersionOf(item) === seen[key];
  });
}

/** The commit point: checks and writes the items of the home, and the record. */
export function decide(draft: Draft, model: Model, transaction: Transaction): boolean {
  const { rules, plans } = model;
  const plan = plans[transaction]!;
  const { status, expired } = draft.records[transaction]!;
  if (expired && rules.decideHeedsDeadline) return false;
  if (!expired && status === 'committed') return rules.repeatedDecideAnswersCommitted;
  if (!expired && status === 'rolled_back' && rules.decideHeedsRolledBack) return false;
  if (!plan.home.every(({ key, held }) => mayDecide(draft, model, transaction, { key, held }))) {
    return false;
  }
  draft.records[transaction] = { status: 'committed', expired };
  for (const { key } of plan.home) {
    if (plan.written.includes(key)) write(draft, model, transaction, key);
  }
  return true;
}

function mayDecide(
  { items, runs }: State,
  { rules }: Model,
  transaction: Transaction,
  { key, held }: { readonly key: Key; readonly held: boolean },
): boolean {
  const item = items[key]!;
  const { seen, heads } = runs[transaction]!;
  if (held) return item.lock === transaction && item.version === heads[key];
  if (item.lock !== undefined && rules.decideHeedsForeignLocks) return false;
  return isExpected(seen[key], seenVersionOf(item));
}

/** Writes an item of a committed transaction, if it is held as it was when that was decided. */
export function apply(draft: Draft, model: Model, transaction: Transaction, key: Key): void {
  const item = draft.items[key]!;
  if (item.lock !== transaction) return;
  const isRedone = model.plans[transaction]!.redo.includes(key);
  const isDecided = item.version === draft.runs[transaction]!.heads[key];
  if (isRedone && (isDecided || !model.rules.applyComparesHead)) {
    write(draft, model, transaction, key);
  } else release(draft, transaction, key);
}

/** Removes the lock of a transaction; the item is as it was before. */
export function release(draft: Draft, transaction: Transaction, key: Key): void {
  const item = draft.items[key]!;
  if (item.lock !== transaction) return;
  draft.items[key] = { ...item, version: seenVersionOf(item), lock: undefined };
}

/** Writes `rolled_back` where nothing is decided. */
export function fence(draft: Draft, transaction: Transaction): void {
  const { status, expired } = draft.records[transaction]!;
  if (status !== 'none' || expired) return;
  draft.records[transaction] = { status: 'rolled_back', expired };
}

/**
 * What anybody does about the lock of a transaction that is decided, or whose time is over: S1 and S3
 * of lib/commit/lock-settler.ts.
 */
export function settle(draft: Draft, model: Model, transaction: Transaction, key: Key): void {
  const { status, expired } = draft.records[transaction]!;
  if (status === 'committed' && !expired) apply(draft, model, transaction, key);
  else release(draft, transaction, key);
}

/** Whether some item still has to be written for a transaction that is committed. */
export function isToBeApplied({ items, runs }: State, model: Model, transaction: Transaction) {
  const { heads } = runs[transaction]!;
  return model.plans[transaction]!.redo.some(
    (key) => items[key]!.lock === transaction && items[key]!.version === heads[key],
  );
}

export function nextVersion(version: string, writer: Transaction): string {
  return `${Number.parseInt(version, 10) + 1}.${writer}`;
}

function write(draft: Draft, { plans, rules }: Model, transaction: Transaction, key: Key): void {
  const item = draft.items[key]!;
  const deleted = rules.absenceHasVersion ? `${ABSENT}/${transaction}` : ABSENT;
  const version = plans[transaction]!.deleted.includes(key)
    ? deleted
    : nextVersion(item.version, transaction);
  draft.items[key] = { ...item, version, lock: undefined };
}

/** A blind write expects nothing. */
function isExpected(expected: string | undefined, stands: string): boolean {
  return expected === undefined || expected === stands;
}
