import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock, type Clock } from '../../store/clock.js';
import type { ForeignValue, StoredItem } from '../../store/stored-item.js';
import { recordKeyOf, type TransactionAddress } from '../../store/transaction-address.js';
import type {
  AppliedStatus,
  CommitItem,
  CounterIncrement,
  HeldItem,
  ItemChange,
  OnePhaseCommit,
  OnePhaseReply,
  PrepareReply,
  RecordLifetime,
  VersionedStore,
} from '../../store/versioned-store.js';
import { ABSENT_VERSION, ANY_ABSENCE, isAbsence } from '../../store/version.js';
import { ManualClock } from '../manual-clock.js';
import { commitBehindLocks } from './commit-behind-locks.js';

/** A store under test, open, and the ways around it that another program would have. */
export interface StoreFixture {
  readonly store: VersionedStore;
  /** Puts a text under a key without this library. */
  setForeign(key: string, value: string): Promise<void> | void;
  /** The text under a key. Where it is given, layout and records are checked too. */
  readonly getRaw?: (key: string) => Promise<string | undefined> | string | undefined;
  /** The clock the store was made with; a `ManualClock` is advanced, others are waited for. */
  readonly clock?: Clock;
  close(): Promise<void> | void;
}

/** Makes a store, open, whose records live as long as it is told. Called once for every test. */
export type StoreFactory = (lifetime: RecordLifetime) => Promise<StoreFixture> | StoreFixture;

/** One sentence of the contract. */
export interface ContractCase {
  readonly title: string;
  /** Whether it is about a step over a record and items, or several items, which some stores do not have. */
  readonly oneStep?: boolean;
  readonly run: (session: ContractSession) => Promise<void>;
}

/** Short enough to be waited for, long enough not to pass by chance. */
export const CONTRACT_LIFETIME: RecordLifetime = {
  longestTimeoutMs: 60_000,
  marginMs: 1000,
  retentionMs: 250,
};

export type Write = Extract<ItemChange, { kind: 'write' }>;

/** One test: a store of its own, keys of its own, and the words to speak with the store. */
export class ContractSession {
  readonly store: VersionedStore;
  readonly clock: Clock;
  readonly #fixture: StoreFixture;
  readonly #tag = randomBytes(6).toString('hex');
  #count = 0;

  constructor(fixture: StoreFixture) {
    this.#fixture = fixture;
    this.store = fixture.store;
    this.clock = fixture.clock ?? systemClock;
  }

  /** Long enough for any answer. */
  get until(): number {
    return this.clock.now() + 10_000;
  }

  /** A key nobody else has; all keys of a session share a hash tag. */
  key(name = 'item'): string {
    return `contract:{${this.#tag}}:${name}`;
  }

  address(deadlineInMs = 5000): TransactionAddress {
    const id = `contract-${this.#tag}-${(this.#count++).toString(36)}`;
    const home = this.store.homeOf([this.key()]);
    const deadlineAtMs = Math.ceil(this.store.toNodeTime(this.clock.now() + deadlineInMs, home));
    return { id, home, deadlineAtMs };
  }

  commitOf(items: readonly CommitItem[], address = this.address()): OnePhaseCommit {
    return { address, items, record: '"name":"contract"', sent: false };
  }

  /** In one step, or in as many as the store needs. */
  commit(items: readonly CommitItem[], address = this.address()): Promise<OnePhaseReply> {
    if (this.decidesBesideItems) {
      return this.store.commitOnePhase(this.commitOf(items, address), this.until);
    }
    return commitBehindLocks(this, items, address);
  }

  /** What the step that decides can cover of these items. */
  beside(items: readonly CommitItem[]): readonly CommitItem[] {
    return this.decidesBesideItems ? items : [];
  }

  /** Whether one step checks and writes items and their record. */
  get decidesBesideItems(): boolean {
    const address = { id: 'contract', home: this.store.homeOf([this.key()]), deadlineAtMs: 0 };
    return !this.store.announcesFirst(address);
  }

  /** Commits, and tells the id of the writer. */
  async commits(...items: readonly CommitItem[]): Promise<string> {
    const address = this.address();
    const reply = await this.commit(items, address);
    assert.equal(reply.status, 'committed');
    return address.id;
  }

  prepare(
    items: readonly CommitItem[],
    address = this.address(),
    marked = false,
  ): Promise<PrepareReply> {
    return this.#byNode(items, address, (own) =>
      this.store.prepare({ address, marked, items: own }, this.until),
    );
  }

  /** Locks written items, and tells under which heads they are held. */
  async holds(
    address: TransactionAddress,
    ...items: readonly CommitItem[]
  ): Promise<readonly HeldItem[]> {
    const reply = await this.prepare(items, address);
    assert(reply.status === 'prepared', `The items are refused: ${JSON.stringify(reply)}.`);
    assert.equal(reply.heads.length, items.length);
    return items.map(({ key, change }, index) => {
      assert(change !== undefined, `${key} is not written.`);
      return { key, held: reply.heads[index]!, change };
    });
  }

  async apply(
    address: TransactionAddress,
    items: readonly HeldItem[],
  ): Promise<readonly AppliedStatus[]> {
    if (this.decidesBesideItems) return this.store.apply(address, items, this.until);
    const statuses = items.map((item) => this.store.apply(address, [item], this.until));
    return (await Promise.all(statuses)).flat();
  }

  async release(address: TransactionAddress, ...keys: readonly string[]): Promise<void> {
    if (this.decidesBesideItems) return this.store.release(address, keys, this.until);
    await Promise.all(keys.map((key) => this.store.release(address, [key], this.until)));
  }

  async read(key = this.key()): Promise<StoredItem | ForeignValue | undefined> {
    const { items } = await this.store.read([key], this.until);
    // Whatever class a store gives it.
    return items[0] && { ...items[0] };
  }

  /** The version under a key, that of a tombstone included; undefined where nothing stands. */
  async versionOf(key = this.key()): Promise<string | undefined> {
    const item = await this.read(key);
    return item === undefined ? undefined : (await this.item(key)).version;
  }

  async assertAbsent(key = this.key()): Promise<void> {
    assert(isAbsence((await this.versionOf(key)) ?? ABSENT_VERSION), `${key} is there.`);
  }

  /** The item under a key, which must be one. */
  async item(key = this.key()): Promise<StoredItem> {
    const item = await this.read(key);
    assert(item?.kind === 'item', `There is no item under ${key}.`);
    return item;
  }

  /** Keys of a session are of one node, or each of one of its own. */
  async #byNode(
    items: readonly CommitItem[],
    address: TransactionAddress,
    prepare: (own: readonly CommitItem[]) => Promise<PrepareReply>,
  ): Promise<PrepareReply> {
    if (this.decidesBesideItems) return prepare(items);
    const heads: string[] = [];
    for (const [index, item] of items.entries()) {
      const reply = await prepare([item]);
      if (reply.status !== 'prepared') {
        await this.release(address, ...items.slice(0, index).map(({ key }) => key));
        return { ...reply, index };
      }
      heads.push(...reply.heads);
    }
    return { status: 'prepared', heads };
  }

  setForeign(key: string, value: string): Promise<void> | void {
    return this.#fixture.setForeign(key, value);
  }

  async raw(key: string): Promise<string | undefined> {
    return this.#fixture.getRaw?.(key);
  }

  get seesRaw(): boolean {
    return this.#fixture.getRaw !== undefined;
  }

  /** Nothing of a refused transaction may stand: no value, no record. */
  async assertUndecided(address: TransactionAddress): Promise<void> {
    const record = this.seesRaw ? await this.raw(recordKeyOf(address)) : undefined;
    // Where it comes before everything else, a record may wait for a decision that never comes.
    assert(record === undefined || (!this.decidesBesideItems && record.startsWith('pending|')));
    assert.equal(await this.store.outcome(address, this.until), 'undecided');
  }

  /** Lets time pass until something has come about; for at most `ms`. */
  async passing(ms: number, reached: () => Promise<boolean>): Promise<void> {
    if (this.clock instanceof ManualClock) {
      await this.clock.advance(ms);
      assert(await reached(), `It did not come about within ${ms} ms.`);
      return;
    }
    const deadlineAtMs = this.clock.now() + ms + 5000;
    while (!(await reached())) {
      assert(this.clock.now() < deadlineAtMs, `It did not come about within ${ms} ms.`);
      await delay(10);
    }
  }

  async close(): Promise<void> {
    await this.#fixture.close();
  }
}

export function write(payload: string, options: Partial<Omit<Write, 'kind'>> = {}): Write {
  return { kind: 'write', counters: '', ttlMs: undefined, ...options, payload };
}

export function counted(counters: string, ttlMs?: number): Write {
  return write('{}', { counters, ttlMs });
}

export function insert(key: string, change: ItemChange = write('{}')): CommitItem {
  return { key, expected: ANY_ABSENCE, change };
}

export function blind(key: string, change: ItemChange = write('{}')): CommitItem {
  return { key, expected: undefined, change };
}

export function replace(key: string, expected: string, change = write('{}')): CommitItem {
  return { key, expected, change };
}

export function seen(key: string, expected: string): CommitItem {
  return { key, expected, change: undefined };
}

export function remove(key: string, expected: string): CommitItem {
  return { key, expected, change: { kind: 'delete' } };
}

export function adopt(key: string, foreign: string, change = write('{}')): CommitItem {
  return { key, expected: '0', expectedForeign: foreign, change };
}

export function step(
  by: number,
  bounds: Partial<Omit<CounterIncrement, 'by'>> = {},
): CounterIncrement {
  return { index: 0, min: undefined, max: undefined, ...bounds, by };
}

export function increment(
  key: string,
  increments: readonly CounterIncrement[],
  ttlMs?: number,
): CommitItem {
  return { key, expected: undefined, change: { kind: 'increment', increments, ttlMs } };
}

/** The item as the step that decides has to find it. */
export function held({ key, held: head, change }: HeldItem): CommitItem {
  return { key, expected: undefined, held: head, change };
}
