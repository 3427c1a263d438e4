import type { DistributedTxModuleOptions } from '../../lib/module/distributed-tx.options.js';
import type { Participant } from '../../lib/participants/participant.js';
import type { VersionedStore } from '../../lib/store/versioned-store.js';
import type { Random } from '../../lib/transaction/random.js';
import { ManualClock } from '../../lib/testing/manual-clock.js';
import { embeddedNodes, type CreateLayout, type Layout } from './layouts.js';
import { FaultyStore } from './faulty-store.js';
import { TestRuntime } from './test-runtime.js';

export const TIMEOUT_MS = 1000;
export const MARGIN_MS = 100;
export const RETENTION_MS = 2000;
const HEARTBEAT_MS = 100;
export const LAPSE_MS = 300;

/** One process: what it runs, and what stands between it and the store. */
export interface GroupMember {
  readonly runtime: TestRuntime;
  readonly store: FaultyStore;
}

/** Several nodes in this process, and instances of the library that share them. */
export class NodeGroup {
  readonly clock = new ManualClock();
  readonly layout: Layout;
  /** The store of one who only looks. */
  readonly store: VersionedStore;
  readonly members: GroupMember[] = [];

  /** @param create What the instances share; otherwise nodes, one for each hash slot. */
  constructor(create: CreateLayout = embeddedNodes()) {
    this.layout = create(this.clock, {
      longestTimeoutMs: 10 * TIMEOUT_MS,
      marginMs: MARGIN_MS,
      retentionMs: RETENTION_MS,
    });
    this.store = this.layout.connect();
  }

  /** @param participants What takes part in the transactions of the new member, besides the store. */
  async join(
    random: Random = () => 0,
    participants: (store: FaultyStore) => readonly Participant[] = () => [],
  ): Promise<GroupMember> {
    const store = new FaultyStore(this.layout.connect());
    const options: DistributedTxModuleOptions = {
      stores: { default: () => store },
      clock: this.clock,
      random,
      maxTimeoutMs: 10 * TIMEOUT_MS,
      defaults: { timeoutMs: TIMEOUT_MS },
      recovery: { enabled: false, heartbeatMs: HEARTBEAT_MS, lapseMs: LAPSE_MS },
    };
    const runtime = await TestRuntime.open(options, participants(store));
    const member = { runtime, store };
    this.members.push(member);
    return member;
  }

  /** Ends what runs in the background of every instance, dead ones included. */
  async close(): Promise<void> {
    for (const { runtime } of this.members) await this.drive(runtime.close());
  }

  /** Moves the clock until the work has ended. */
  async drive<T>(work: Promise<T>, stepMs = 5): Promise<T> {
    let ended = false;
    const end = (): void => void (ended = true);
    work.then(end, end);
    await this.clock.advance(0);
    while (!ended) await this.clock.advance(stepMs);
    return work;
  }
}
