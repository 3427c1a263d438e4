import { CommitEvents } from '../../lib/commit/commit-events.js';
import { Finisher } from '../../lib/commit/finisher.js';
import { ParticipantRegistry } from '../../lib/participants/participant-registry.js';
import { EmbeddedStore } from '../../lib/store/embedded/embedded-store.js';
import { slotOf } from '../../lib/store/hash-slot.js';
import type { Holdings } from '../../lib/store/journal.js';
import type { TransactionAddress } from '../../lib/store/transaction-address.js';
import type { CommitItem, HeldItem } from '../../lib/store/versioned-store.js';
import { ManualClock } from '../../lib/testing/manual-clock.js';

const LIFETIME = { longestTimeoutMs: 1000, marginMs: 100, retentionMs: 1000 };

/** How long the transactions of these specs have. */
export const DEADLINE_MS = 500;

/** A store of several nodes, and transactions in it that got no further than to some step. */
export class HeldItems {
  readonly clock = new ManualClock();
  readonly store = new EmbeddedStore({
    name: 'default',
    clock: this.clock,
    lifetime: LIFETIME,
    nodeOf: (key) => String(slotOf(key)),
  });
  /** What was logged as an error. */
  readonly errors: string[] = [];
  readonly events = new CommitEvents({ error: (message) => void this.errors.push(message) });
  readonly participants = new ParticipantRegistry();
  readonly finisher = new Finisher({
    clock: this.clock,
    events: this.events,
    participants: this.participants,
  });
  #count = 0;

  /** Some time from now, when a step has to be answered. */
  get until(): number {
    return this.clock.now() + 100;
  }

  /** A new transaction whose record lies with these keys. */
  address(keys: readonly string[]): TransactionAddress {
    const deadlineAtMs = this.clock.time() + DEADLINE_MS;
    return { id: `tx${++this.#count}`, home: this.store.homeOf(keys), deadlineAtMs };
  }

  /** Locks items of one node each, which are going to be written. */
  async hold(
    address: TransactionAddress,
    keys: readonly string[],
    { marked = false } = {},
  ): Promise<HeldItem[]> {
    const held: HeldItem[] = [];
    for (const key of keys) {
      const change = { kind: 'write', counters: '', payload: '"new"', ttlMs: undefined } as const;
      const items: CommitItem[] = [{ key, expected: undefined, change }];
      const reply = await this.store.prepare({ address, marked, items });
      if (reply.status !== 'prepared') throw new Error(`${key} is ${reply.status}.`);
      held.push({ key, held: reply.heads[0]!, change });
    }
    return held;
  }

  /** Decides that a transaction is committed; nothing of it is applied yet. */
  async commit(address: TransactionAddress, redo: readonly HeldItem[]): Promise<void> {
    const commit = { address, items: [], record: '"r":1', redo, sent: false };
    const { status } = await this.store.commitOnePhase(commit);
    if (status !== 'committed') throw new Error(`${address.id} is ${status}.`);
  }

  /** What an instance has noted. */
  async entriesOf(instance: string): Promise<readonly Holdings[]> {
    const { entries } = await this.store.journal.entries(instance, { most: 1000 });
    return entries;
  }

  /** What stands under a key, without its version. */
  payloadOf(key: string): string | undefined {
    return this.store.peekRaw(key)?.split('|')[2];
  }

  isLocked(key: string): boolean {
    return this.store.peekRaw(key)?.split('|')[0]?.includes('*') ?? false;
  }
}
