import type { Clock } from '../clock.js';
import { slotOf, tagOfSlot } from '../hash-slot.js';
import type { Journal } from '../journal.js';
import { isOwnHome } from '../cache-identity.js';
import { isPlaced } from '../placed-key.js';
import { recordKeyOf, type TransactionAddress } from '../transaction-address.js';
import type { TurnKeeper } from '../turn-keeper.js';
import {
  tombstoneMsOf,
  type AnnounceReply,
  type AppliedStatus,
  type FencedOutcome,
  type HeldItem,
  type OnePhaseCommit,
  type OnePhaseReply,
  type PendingTransaction,
  type PrepareReply,
  type PrepareRequest,
  type ReadReply,
  type RecordedOutcome,
  type RecordLifetime,
  type TransactionRecord,
  type VersionedStore,
} from '../versioned-store.js';
import { DistributedTxError, StoreRefusedError } from '../../errors/index.js';
import { messageOf } from '../../errors/message-of.js';
import type { MessageTimes } from './commit-message.js';
import { OnePhaseSteps } from './one-phase-steps.js';
import { NodeClocks } from './node-clocks.js';
import { openRedisClient, type RedisSource } from './redis-client.js';
import { RedisConnection } from './redis-connection.js';
import { executionOf, isServerError, withoutArguments } from './redis-errors.js';
import { RedisJournal } from './redis-journal.js';
import { RedisTurnKeeper } from './redis-turn-keeper.js';
import { RecordSteps } from './record-steps.js';
import { ReplicatedConnection, type Durability } from './replication.js';
import { checkServers, probeScripts, probeWait, type Warn } from './server-checks.js';
import { TwoPhaseSteps } from './two-phase-steps.js';

export interface RedisStoreOptions {
  readonly name: string;
  readonly redis: RedisSource;
  readonly clock: Clock;
  readonly lifetime: RecordLifetime;
  readonly connectTimeoutMs: number;
  readonly commandTimeoutMs: number;
  /** `lazy`: `open` returns at once, and the server is checked when it is first reached. */
  /** Whether transactions may lie in this store and another one. Default: false. */
  readonly amongOthers?: boolean;
  readonly startup: 'eager' | 'lazy';
  readonly allowEvictionPolicy: string | undefined;
  /** Unique for this process; names the keys of the start-up probe. */
  readonly processTag: string;
  readonly warn: Warn;
  /** Undefined: a master's word is enough. */
  readonly durability?: Durability | undefined;
}

/** Between two tries of a step that may be repeated. */
const RETRY_DELAY_MS = 25;

/** Redis 6.2 or newer and Valkey: one server, behind Sentinel, or a cluster. */
export class RedisStore implements VersionedStore {
  readonly name: string;
  readonly keepsRecords = true;
  readonly #options: RedisStoreOptions;
  readonly journal: Journal;
  readonly turnKeeper: TurnKeeper;
  readonly #connection: RedisConnection;
  /** Over which everything goes that decides, or that a decision rests on. */
  readonly #writes: RedisConnection;
  readonly #twoPhase: TwoPhaseSteps;
  readonly #onePhase: OnePhaseSteps;
  readonly #records: RecordSteps;
  readonly #times: MessageTimes;
  readonly #clocks: NodeClocks;
  #usable = false;
  #checking: Promise<void> | undefined;

  constructor(options: RedisStoreOptions) {
    const { clock, lifetime, commandTimeoutMs, durability } = options;
    this.name = options.name;
    this.#options = options;
    const client = openRedisClient(options.redis, options);
    this.#connection = new RedisConnection(client, clock, commandTimeoutMs);
    // One of their own, since whatever follows a WAIT on a connection waits as well.
    this.#writes =
      durability === undefined
        ? this.#connection
        : new ReplicatedConnection(openRedisClient(options.redis, options), clock, {
            commandTimeoutMs,
            durability,
          });
    if (this.#writes !== this.#connection) this.#writes.onLeave(() => this.#connection.leave());
    this.#times = {
      longestTimeoutMs: lifetime.longestTimeoutMs + lifetime.marginMs,
      keepMs: lifetime.marginMs + lifetime.retentionMs,
      // One server alone validates every commit in one moment, and nobody has to tell absences apart.
      tombstoneMs: this.spansNodes || options.amongOthers ? tombstoneMsOf(lifetime) : undefined,
    };
    // The margin has to exceed every difference of clocks; a tenth of it is worth a word.
    const boundMs = lifetime.marginMs / 10;
    this.#clocks = new NodeClocks(this.#connection, clock, { boundMs, warn: options.warn });
    const onClockDoubt = (nodeTimeMs: number, key: string): void =>
      this.#clocks.correct(nodeTimeMs, key);
    this.#onePhase = new OnePhaseSteps({
      connection: this.#connection,
      writes: this.#writes,
      clock,
      times: this.#times,
      onClockDoubt,
    });
    const context = {
      connection: this.#connection,
      writes: this.#writes,
      clock,
      times: this.#times,
      nodeTime: (key: string) => this.#clocks.toNodeTime(clock.now(), key),
      persist: <T>(until: number, step: () => Promise<T>) => this.#persist(until, step),
    };
    this.#twoPhase = new TwoPhaseSteps(context);
    this.#records = new RecordSteps({ ...context, lifetime, onClockDoubt });
    this.journal = new RedisJournal(context);
    this.turnKeeper = new RedisTurnKeeper(this.#connection);
  }

  get spansNodes(): boolean {
    return this.#connection.isCluster;
  }

  async open(): Promise<void> {
    this.#connection.onReady(() => void this.#clocks.measure());
    if (this.#options.startup === 'lazy') {
      for (const connection of this.#connections) connection.connectInBackground();
      return;
    }
    try {
      await this.#openAndCheck(this.#options.clock.now() + this.#options.connectTimeoutMs);
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  nodeOf(key: string): string {
    return this.#connection.isCluster ? `${this.name}/${slotOf(key)}` : this.name;
  }

  recordNodeOf(address: TransactionAddress): string {
    return this.nodeOf(recordKeyOf(address));
  }

  announcesFirst(): boolean {
    return false;
  }

  isHome(address: TransactionAddress, until: number): Promise<boolean> {
    return isOwnHome(this, address, until);
  }

  holds(key: string): boolean {
    return !isPlaced(key);
  }

  /** Where there is one node only, all records have the same home. */
  homeOf(keys: readonly string[]): string {
    return tagOfSlot(this.#connection.isCluster && keys.length > 0 ? lowestSlot(keys) : 0);
  }

  toNodeTime(localMs: number, home?: string): number {
    const key = home === undefined ? undefined : recordKeyOf({ id: '', home });
    return this.#clocks.toNodeTime(localMs, key);
  }

  read(keys: readonly string[], until: number, decides = false): Promise<ReadReply> {
    if (!this.#usable) return this.#openAndCheck(until).then(() => this.read(keys, until, decides));
    return this.#onePhase.read(keys, until, decides);
  }

  commitOnePhase(commit: OnePhaseCommit, until: number): Promise<OnePhaseReply> {
    if (!this.#usable) {
      return this.#openAndCheck(until).then(() => this.commitOnePhase(commit, until));
    }
    return this.#onePhase.commit(commit, until);
  }

  prepare(request: PrepareRequest, until: number): Promise<PrepareReply> {
    return this.#twoPhase.prepare(request, until);
  }

  apply(
    address: TransactionAddress,
    items: readonly HeldItem[],
    until: number,
  ): Promise<readonly AppliedStatus[]> {
    return this.#twoPhase.apply(address, items, until);
  }

  release(address: TransactionAddress, keys: readonly string[], until: number): Promise<void> {
    return this.#twoPhase.release(address, keys, until);
  }

  announce(pending: PendingTransaction, until: number): Promise<AnnounceReply> {
    return this.#records.announce(pending, until);
  }

  conclude(
    address: TransactionAddress,
    outcome: 'committed' | 'rolled_back',
    until: number,
  ): Promise<FencedOutcome> {
    return this.#records.conclude(address, outcome, until);
  }

  identity(until: number): Promise<string> {
    return this.#records.identity(until);
  }

  record(address: TransactionAddress, until: number): Promise<TransactionRecord | undefined> {
    return this.#records.record(address, until);
  }

  retire(address: TransactionAddress, until: number): Promise<void> {
    return this.#records.retire(address, until);
  }

  fence(address: TransactionAddress, until: number): Promise<FencedOutcome | 'pending'> {
    return this.#records.fence(address, until);
  }

  outcome(address: TransactionAddress, until: number): Promise<RecordedOutcome> {
    return this.#records.outcome(address, until);
  }

  async ping(until: number): Promise<void> {
    await this.#persist(until, () => this.#connection.executeOnMasters('PING', []));
  }

  async close(): Promise<void> {
    await Promise.all(this.#connections.map((connection) => connection.close()));
  }

  get #connections(): readonly RedisConnection[] {
    return this.#writes === this.#connection
      ? [this.#connection]
      : [this.#connection, this.#writes];
  }

  /** Repeats a step that does no harm when it is done twice, until it is answered or time is over. */
  #persist<T>(until: number, step: () => Promise<T>): Promise<T> {
    if (!this.#connection.ready || !this.#writes.ready) {
      return this.#persistAfter(undefined, until, step);
    }
    return step().catch((error: unknown) => this.#persistAfter(error, until, step));
  }

  async #persistAfter<T>(failure: unknown, until: number, step: () => Promise<T>): Promise<T> {
    if (failure instanceof DistributedTxError) throw failure;
    // What is no passing state of the server stays as it is until somebody acts.
    if (executionOf(failure) !== 'not-executed' && isServerError(failure)) throw refusalOf(failure);
    const left = until - this.#options.clock.now();
    if (left > 0) {
      await this.#connection.changed(Math.min(RETRY_DELAY_MS, left));
      return this.#persist(until, step);
    }
    throw this.#connection.unavailable(
      failure === undefined ? 'could not be reached' : `did not answer: ${messageOf(failure)}`,
    );
  }

  /** A connection that breaks while the server is checked says nothing about the server. */
  async #openAndCheck(until: number): Promise<void> {
    for (;;) {
      await Promise.all(this.#connections.map((connection) => connection.open(until)));
      try {
        return await this.#check();
      } catch (error) {
        if (error instanceof StoreRefusedError) throw error;
        if (this.#options.clock.now() >= until) {
          throw this.#connection.unavailable(`could not be checked: ${messageOf(error)}`);
        }
        await this.#connection.changed(RETRY_DELAY_MS);
      }
    }
  }

  #check(): Promise<void> {
    this.#checking ??= this.#runChecks().then(
      () => {
        this.#usable = true;
      },
      (error: unknown) => {
        this.#checking = undefined;
        throw error;
      },
    );
    return this.#checking;
  }

  async #runChecks(): Promise<void> {
    await checkServers(this.#connection, this.#options);
    await this.#clocks.measure();
    await probeScripts(this.#connection, {
      // No counter of a transaction in base 36 ever gives an id with this dash.
      id: `${this.#options.processTag}-p`,
      home: tagOfSlot(0),
      nodeTimeMs: this.toNodeTime(this.#options.clock.now()),
    });
    if (this.#options.durability !== undefined) await probeWait(this.#connection);
  }
}

function lowestSlot(keys: readonly string[]): number {
  return Math.min(...keys.map(slotOf));
}

function refusalOf(error: unknown): StoreRefusedError {
  return new StoreRefusedError(`Redis refused the command: ${messageOf(error)}`, {
    cause: withoutArguments(error),
  });
}
