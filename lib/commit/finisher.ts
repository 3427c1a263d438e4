import { ParticipantUnavailableError, StoreUnavailableError } from '../errors/index.js';
import { Branch } from '../participants/branch.js';
import type { Enlisted } from '../participants/participant.js';
import type { ParticipantRegistry } from '../participants/participant-registry.js';
import { cacheOf } from '../store/cache-identity.js';
import type { Clock } from '../store/clock.js';
import { groupBy } from '../store/group-by.js';
import { storeOf } from '../store/placed-key.js';
import { printAddress, type TransactionAddress } from '../store/transaction-address.js';
import { ABSENT_VERSION, commitCountOf, isAbsence } from '../store/version.js';
import type { HeldItem, TransactionRecord, VersionedStore } from '../store/versioned-store.js';
import { driveBranches, fenceDecider } from './branch-set.js';
import type { CommitEvents } from './commit-events.js';
import { versionFound } from './version-found.js';

/** What is known of a transaction whose outcome is decided, or forgotten. */
export interface Decided {
  readonly address: TransactionAddress;
  readonly keys: readonly string[];
  readonly record: TransactionRecord | undefined;
  /** Of the process that began it, with what it holds of them; others take them from the record. */
  readonly branches?: readonly Enlisted[];
}

export type Decision = 'undecided' | { readonly record: TransactionRecord | undefined };

export interface FinisherSetup {
  readonly clock: Clock;
  readonly events: CommitEvents;
  readonly participants: ParticipantRegistry;
}

/**
 * Drives transactions to what was decided about them, whoever began them: its owner, a reader who met a
 * lock, or recovery.
 *
 * F1 The record decides: what is committed is applied for its owner, what is rolled back is released.
 * F2 An undecided transaction is left alone before its deadline, and rolled back by writing so after it.
 * F3 A lock is removed only after the outcome of its holder is known, or forgotten.
 * F4 What cannot be applied, since somebody wrote there, is reported and never overwritten.
 * F5 Where a participant decides, its word alone is recorded; without that participant one waits.
 * F6 A transaction is left alone whose record, or one of whose items, lies in a store of others.
 */
export class Finisher {
  readonly #setup: FinisherSetup;

  constructor(setup: FinisherSetup) {
    this.#setup = setup;
  }

  /**
   * F2: what was decided about a transaction, by its record or, past its deadline, by writing one. No
   * record where it is rolled back past its deadline, or forgotten.
   */
  async decisionOf(
    store: VersionedStore,
    address: TransactionAddress,
    until: number,
  ): Promise<Decision> {
    // F6
    if (!(await store.isHome(address, until))) return 'undecided';
    const { clock } = this.#setup;
    const nodeTimeMs = store.toNodeTime(clock.now(), address.home);
    if (nodeTimeMs < address.deadlineAtMs) {
      const record = await store.record(address, until);
      return record === undefined || record.status === 'pending' ? 'undecided' : { record };
    }
    return this.decide(store, address, until);
  }

  /** What is decided from now on, at once: where nothing is, it is rolled back. */
  async decide(
    store: VersionedStore,
    address: TransactionAddress,
    until: number,
  ): Promise<Decision> {
    // Past the deadline most are undecided, and one step finds and ends that.
    const outcome = await store.fence(address, until);
    if (outcome === 'pending') return this.askDecider(store, address, until);
    const tells = outcome === 'committed' || (outcome === 'rolled_back' && this.#hasBranches);
    return { record: tells ? await store.record(address, until) : undefined };
  }

  /** F5: what the participant has decided that a record waits for. */
  async askDecider(
    store: VersionedStore,
    address: TransactionAddress,
    until: number,
  ): Promise<Decision> {
    const record = await store.record(address, until);
    const name = record?.decider;
    if (name === undefined || this.#setup.participants.get(name) === undefined) return 'undecided';
    const recorded = record!.branches.filter((branch) => branch.participant === name);
    const [decider] = await this.#branchesIn(store, address, recorded, until);
    if (decider === undefined) return 'undecided';
    await store.conclude(address, await fenceDecider(decider, until), until);
    return { record: await store.record(address, until) };
  }

  /** F3: applies what the record tells of the keys; any other lock of the transaction on them is a stray. */
  async finish(
    store: VersionedStore,
    { address, keys, record }: Decided,
    until: number,
  ): Promise<void> {
    const redo = record?.status === 'committed' ? record.redo : [];
    const decided = redo.filter((item) => keys.includes(item.key));
    const strays = keys.filter((key) => !decided.some((item) => item.key === key));
    await Promise.all([
      this.apply(store, address, decided, until),
      this.release(store, address, strays, until),
    ]);
  }

  /** Removes the locks of a transaction whose outcome is known from items that it does not change. */
  async release(
    store: VersionedStore,
    address: TransactionAddress,
    keys: readonly string[],
    until: number,
  ): Promise<void> {
    const groups = byNode(store, keys, (key) => key);
    await Promise.all(groups.map((own) => store.release(address, own, until)));
  }

  /**
   * Finishes everything that a transaction holds; then nothing rests on its record any more.
   * @throws ParticipantUnavailableError, StoreUnavailableError for a store that this application does not have.
   */
  async finishWhole(store: VersionedStore, decided: Decided, until: number): Promise<void> {
    const { address, record } = decided;
    assertHeldHere(store, decided);
    const branches =
      decided.branches ?? (await this.#branchesIn(store, address, record?.branches ?? [], until));
    const outcome = record?.status === 'committed' ? 'commit' : 'rollback';
    await Promise.all([
      this.finish(store, decided, until),
      driveBranches(branches, outcome, until),
    ]);
    const stays = record?.status === 'committed' || (record?.branches.length ?? 0) > 0;
    if (stays) await store.retire(address, until);
  }

  get #hasBranches(): boolean {
    return this.#setup.participants.size > 0;
  }

  /** @throws ParticipantUnavailableError for one that this application does not provide. */
  async #branchesIn(
    store: VersionedStore,
    address: TransactionAddress,
    recorded: TransactionRecord['branches'],
    until: number,
  ): Promise<readonly Enlisted[]> {
    if (recorded.length === 0) return [];
    const cache = await cacheOf(store, address, until);
    return recorded.map(({ participant: name, number, payload }) => {
      const participant = this.#setup.participants.get(name);
      if (participant !== undefined) {
        return { participant, branch: new Branch(name, number, payload, { cache, address }) };
      }
      throw new ParticipantUnavailableError(
        `Transaction ${printAddress(address)} waits for participant ${name}, which this application does not ` +
          'provide. An application that does will finish it.',
      );
    });
  }

  /** Writes what was decided. */
  apply(
    store: VersionedStore,
    address: TransactionAddress,
    redo: readonly HeldItem[],
    until: number,
  ): Promise<unknown> {
    const groups = byNode(store, redo, (item) => item.key);
    return allOf(groups.map((items) => this.#applyGroup(store, address, items, until)));
  }

  #applyGroup(
    store: VersionedStore,
    address: TransactionAddress,
    items: readonly HeldItem[],
    until: number,
  ): Promise<void> {
    return store.apply(address, items, until).then((statuses) => {
      const passed = items.filter((_, nth) => statuses[nth] === 'passed');
      return passed.length === 0 ? undefined : this.#explain(store, address, passed, until);
    });
  }

  /** F4 */
  async #explain(
    store: VersionedStore,
    address: TransactionAddress,
    passed: readonly HeldItem[],
    until: number,
  ): Promise<void> {
    const keys = passed.map((item) => item.key);
    const { items: stood } = await store.read(keys, until);
    for (const [nth, item] of passed.entries()) {
      const found = versionFound(stood[nth]);
      if (!hasMovedOn(item, found)) this.#setup.events.notApplied(address, item.key, found);
    }
  }
}

/** F6 */
function assertHeldHere(store: VersionedStore, { address, keys, record }: Decided): void {
  const all = [...keys, ...(record?.redo.map(({ key }) => key) ?? [])];
  const elsewhere = all.find((key) => !store.holds(key));
  if (elsewhere === undefined) return;
  throw new StoreUnavailableError(
    `Transaction ${printAddress(address)} holds items in the store ${storeOf(elsewhere)}, which this ` +
      'application does not have. An application that does will finish it.',
  );
}

/** One alone, which is what there nearly always is, needs no gathering. */
function allOf(works: readonly Promise<void>[]): Promise<unknown> {
  return works.length === 1 ? works[0]! : Promise.all(works);
}

/**
 * Whether others may have come after the change, so that it was applied before and all is well. Each
 * of them counts one commit more; a deletion leaves an absence with a version of its own, for a while, and
 * whoever inserts then counts from one again.
 */
function hasMovedOn({ held, change }: HeldItem, found: string): boolean {
  if (found === 'foreign') return false;
  const isOther = found !== held.slice(0, held.indexOf('*'));
  if (change.kind === 'delete') return isOther;
  if (found === ABSENT_VERSION) return change.ttlMs !== undefined;
  if (isAbsence(found)) return isOther;
  const before = commitCountOf(held);
  return isOther && (before === 0 || commitCountOf(found) !== before + 1);
}

/** Items in groups of one node each. */
function byNode<I>(
  store: VersionedStore,
  items: readonly I[],
  keyOf: (item: I) => string,
): readonly (readonly I[])[] {
  return [...groupBy(items, (item) => store.nodeOf(keyOf(item))).values()];
}
