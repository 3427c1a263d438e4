import type { PlacedItem } from '../commit/commit-plan.js';
import type { StoredItem } from '../store/stored-item.js';
import {
  ABSENT_VERSION,
  ANY_ABSENCE,
  isAbsence,
  nextVersion,
  toldVersion,
} from '../store/version.js';
import type { ItemChange } from '../store/versioned-store.js';
import { applyIncrements } from './increments.js';
import type { ItemReference, Operation } from './operation.js';

/**
 * Why a change that was not preceded by a read expects a certain version: the error of a failure
 * depends on it.
 */
export interface Expectation {
  readonly version: string;
  readonly reason: 'insert' | 'expected-version' | 'adopt';
  /** For `adopt`: the foreign value that must stand. */
  readonly foreign?: string;
}

/** What a transaction knows of one item. */
export interface ItemState {
  readonly reference: ItemReference;
  /** What was read; null for an absent item, undefined as long as it was not read. */
  seen: StoredItem | null | undefined;
  /** The version that was read, that of an absence included. */
  seenVersion: string | undefined;
  /** Validated at commit whatever the isolation. */
  forUpdate: boolean;
  /** The change the transaction makes, all of its operations on the item taken together. */
  change: ItemChange | undefined;
  expectation: Expectation | undefined;
}

/** A place in a transaction to which its writes can be taken back. */
export class Savepoint {
  #isRolledBack = false;

  constructor(readonly parent: Savepoint | undefined) {}

  /** It, or one around it, was rolled back: what still comes from inside of it is too late. */
  get isRolledBack(): boolean {
    return this.#isRolledBack || (this.parent?.isRolledBack ?? false);
  }

  markRolledBack(): void {
    this.#isRolledBack = true;
  }

  isWithin(outer: Savepoint): boolean {
    return this === outer || (this.parent?.isWithin(outer) ?? false);
  }
}

/** A change at one point of the log. */
interface ChangeEntry {
  readonly state: ItemState;
  readonly change: ItemChange;
  readonly expectation: Expectation | undefined;
  readonly savepoint: Savepoint | undefined;
}

/** A read is told by the state of its item alone. */
type Entry = ItemState | ChangeEntry;

function isChange(entry: Entry): entry is ChangeEntry {
  return 'state' in entry;
}

/** An item of a commit, with the state it came from. */
export interface LoggedItem extends PlacedItem {
  readonly state: ItemState;
}

/**
 * Every operation of a transaction, in order. Pure: it neither reads nor writes any store.
 *
 * L1 An item is read at most once; all later reads of it give the same, or the transaction's own write.
 * L2 Rolling back to a savepoint drops the writes made since, and keeps every read.
 */
export class OperationLog {
  readonly #entries: Entry[] = [];
  readonly #states = new Map<string, ItemState>();
  #moment: number | undefined;
  #readAtOnce = true;

  /** What is known of an item, if anything is. */
  stateOf(reference: ItemReference): ItemState | undefined {
    return this.#states.get(reference.key);
  }

  recordRead(
    reference: ItemReference,
    found: StoredItem | undefined,
    moment: number | undefined,
  ): ItemState {
    const state = this.#touch(reference);
    if (state.seen !== undefined) return state;
    state.seen = present(found);
    state.seenVersion = found?.version ?? ABSENT_VERSION;
    this.#entries.push(state);
    this.#noteMoment(moment);
    return state;
  }

  recordChange(
    reference: ItemReference,
    change: ItemChange,
    savepoint?: Savepoint,
    expectation?: Expectation,
  ): ItemState {
    const state = this.#touch(reference);
    state.change = merge(state.change, change);
    state.expectation = expectation ?? state.expectation;
    this.#entries.push({ state, change, expectation: state.expectation, savepoint });
    return state;
  }

  /** L2. Operations of a parallel branch of the same transaction stay. */
  rollBackTo(savepoint: Savepoint): void {
    const dropped = new Set<ItemState>();
    let kept = 0;
    for (const entry of this.#entries) {
      if (isChange(entry) && entry.savepoint?.isWithin(savepoint)) dropped.add(entry.state);
      else this.#entries[kept++] = entry;
    }
    this.#entries.length = kept;
    for (const state of dropped) {
      const changes = this.#entries.filter(isChange).filter((entry) => entry.state === state);
      state.change = changes.reduce<ItemChange | undefined>(
        (before, { change }) => merge(before, change),
        undefined,
      );
      state.expectation = changes.at(-1)?.expectation;
    }
  }

  /** Whether one atomic step answered all reads. Says nothing about several nodes. */
  get readAtOnce(): boolean {
    return this.#readAtOnce;
  }

  /** Of all items that were touched. */
  get keys(): readonly string[] {
    return [...this.#states.keys()];
  }

  /** Of the items that a commit validates or writes. */
  validated(validatesReads: boolean): readonly ItemReference[] {
    return [...this.#states.values()]
      .filter(({ change, forUpdate }) => validatesReads || forUpdate || change !== undefined)
      .map(({ reference }) => reference);
  }

  get itemCount(): number {
    return this.#states.size;
  }

  /**
   * What must hold and what changes. Items that only have to stand as they were seen come first:
   * where one of them is stale, that is the reason to report, whatever else would be refused.
   */
  commitItems(validatesReads: boolean): LoggedItem[] {
    const seen: LoggedItem[] = [];
    const others: LoggedItem[] = [];
    for (const state of this.#states.values()) {
      const item = toLoggedItem(state, validatesReads);
      if (item !== undefined) (state.seen === undefined ? others : seen).push(item);
    }
    return others.length === 0 ? seen : seen.concat(others);
  }

  /** What was read, as it has to stand: for a transaction that does not commit. */
  readItems(validatesReads: boolean): LoggedItem[] {
    return [...this.#states.values()]
      .filter(
        ({ seen, change, forUpdate }) =>
          seen !== undefined && (validatesReads || forUpdate || change !== undefined),
      )
      .map((state) => {
        const { node, key } = state.reference;
        return { state, node, key, expected: state.seenVersion, change: undefined };
      });
  }

  /** The tuples of the model, in order. */
  operations(writer: string): readonly Operation[] {
    return this.#entries.map((entry) => Object.freeze(toOperation(entry, writer)));
  }

  #touch(reference: ItemReference): ItemState {
    const { key } = reference;
    let state = this.#states.get(key);
    if (state === undefined) {
      state = new TouchedItem(reference);
      this.#states.set(key, state);
    }
    return state;
  }

  #noteMoment(moment: number | undefined): void {
    if (moment === undefined || (this.#moment !== undefined && this.#moment !== moment)) {
      this.#readAtOnce = false;
    }
    this.#moment = moment;
  }
}

/** Increments add up, so that each can be taken back alone; any other change replaces what was. */
function merge(before: ItemChange | undefined, change: ItemChange): ItemChange {
  if (before?.kind !== 'increment' || change.kind !== 'increment') return change;
  return { ...change, increments: [...before.increments, ...change.increments] };
}

/** What is written, with the increments of an item that was read applied to it. */
export function resolvedChange({ reference, seen, change }: ItemState): ItemChange | undefined {
  if (change?.kind !== 'increment' || seen === undefined) return change;
  return applyIncrements(reference, seen, change);
}

function toLoggedItem(state: ItemState, validatesReads: boolean): LoggedItem | undefined {
  const { seen, change, expectation } = state;
  if (change === undefined && (seen === undefined || !(validatesReads || state.forUpdate))) {
    return undefined;
  }
  const expected = state.seenVersion ?? expectedIn(expectation);
  const item = new ExpectedItem(state, expected, resolvedChange(state));
  return expectation?.foreign === undefined
    ? item
    : { ...item, expectedForeign: expectation.foreign };
}

// Classes, not literals: see ADR 6.
class TouchedItem implements ItemState {
  seen: StoredItem | null | undefined = undefined;
  seenVersion: string | undefined = undefined;
  forUpdate = false;
  change: ItemChange | undefined = undefined;
  expectation: Expectation | undefined = undefined;

  constructor(readonly reference: ItemReference) {}
}

class ExpectedItem implements LoggedItem {
  readonly node: string;
  readonly key: string;

  constructor(
    readonly state: ItemState,
    readonly expected: string | undefined,
    readonly change: ItemChange | undefined,
  ) {
    const { node, key } = state.reference;
    this.node = node;
    this.key = key;
  }
}

/** A tombstone tells the version of an absence, and is nothing to its reader. */
export function present(found: StoredItem | undefined): StoredItem | null {
  return found === undefined || isAbsence(found.version) ? null : found;
}

/** Whoever did not look does not mind which absence it is. */
function expectedIn(expectation: Expectation | undefined): string | undefined {
  return expectation?.version === ABSENT_VERSION ? ANY_ABSENCE : expectation?.version;
}

function toOperation(entry: Entry, writer: string): Operation {
  if (!isChange(entry)) {
    const { reference, seen, seenVersion } = entry;
    const { node, key: item } = reference;
    const version = seenVersion === undefined ? undefined : toldVersion(seenVersion);
    return { kind: 'read', node, item, value: seen?.payload, version };
  }
  const { state, change, expectation } = entry;
  const { node, key: item } = state.reference;
  if (change.kind === 'increment') {
    const value = change.increments.map(({ index, by }) => `${index}:${by}`).join(',');
    return { kind: 'increment', node, item, value, version: undefined };
  }
  const base = state.seenVersion ?? expectation?.version;
  const version = base === undefined ? undefined : nextVersion(base, writer);
  const value = change.kind === 'write' ? change.payload : undefined;
  return { kind: change.kind, node, item, value, version };
}
