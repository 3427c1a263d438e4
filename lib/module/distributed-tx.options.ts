import type { Clock } from '../store/clock.js';
import type { RedisSource } from '../store/redis/redis-client.js';
import type { StoreContext } from '../store/store-context.js';
import type { VersionedStore } from '../store/versioned-store.js';
import type { TransactionLimits } from '../transaction/limits.js';
import type { Random } from '../transaction/random.js';
import type { TransactionDefaults } from '../transaction/transaction-options.js';

/** A Redis, the store in this process, or a store of one's own. */
export type StoreOptions =
  { readonly redis: RedisSource } | 'embedded' | ((context: StoreContext) => VersionedStore);

export interface DistributedTxModuleOptions {
  /** Short for `stores: { default: { redis } }`: a URL, ioredis options, or a client, which is duplicated. */
  readonly redis?: RedisSource;
  /** Short for `stores: { default: 'embedded' }`: everything in this process, nothing kept. */
  readonly store?: 'embedded';
  /** Several stores by name; entities choose one with `@TxEntity({ store })`. */
  readonly stores?: Readonly<Record<string, StoreOptions>>;
  /** Put before the key of every entity. @default '' */
  readonly keyPrefix?: string;
  /** The options of every transaction that does not set its own. */
  readonly defaults?: TransactionDefaults;
  /** The longest `timeoutMs` a transaction may ask for, in milliseconds. 1 to 3600000. @default 60000 */
  readonly maxTimeoutMs?: number;
  /**
   * How long a call, and the end of the application, wait for each `onCommit` and `onRollback` hook, in
   * milliseconds; then it is logged and goes on by itself. 1 to 3600000. @default 10000
   */
  readonly hookTimeoutMs?: number;
  /**
   * Transactions of this process that contend for an item wait for each other in memory, and each starts from
   * what the one before has just sent. `false`: they meet at commit only, and run again after a pause.
   * @default true
   */
  readonly handOver?: boolean;
  /** `lazy` starts without a server; the first transactions wait for it. @default 'eager' */
  readonly startup?: 'eager' | 'lazy';
  /** How long an eager start waits for the server, in milliseconds. 1 to 600000. @default 10000 */
  readonly connectTimeoutMs?: number;
  /** A connection that is silent for so long is given up, in milliseconds. 10 to 600000. @default 2000 */
  readonly commandTimeoutMs?: number;
  /** The records of transactions in the store. */
  readonly record?: {
    /** How long an outcome can be asked for after the deadline, in milliseconds. 0 to 86400000. @default 30000 */
    readonly retentionMs?: number;
    /** More than the clocks of a node and its replicas ever differ, in milliseconds. 0 to 600000. @default 10000 */
    readonly marginMs?: number;
  };
  /**
   * Answers a commit on Redis when so many replicas of its master have it, and lets nobody act on a
   * decision before. @default a master's word is enough
   */
  readonly durability?: DurabilityOptions;
  /** How transactions over several nodes are finished whose process has died. */
  readonly recovery?: Partial<RecoveryOptions>;
  /** Bounds that are checked before anything is sent. */
  readonly limits?: Partial<TransactionLimits>;
  /** Accepts a server that evicts by this policy, and the silent loss it means. @default none */
  readonly allowEvictionPolicy?: string;
  /** Accepts the embedded store where NODE_ENV is `production`. @default false */
  readonly allowEmbeddedInProduction?: boolean;
  /** Where time comes from. For tests. @default the clock of the system */
  readonly clock?: Clock;
  /** Where the jitter of retries comes from. For tests. @default Math.random */
  readonly random?: Random;
}

export interface RecoveryOptions {
  /** Whether this instance looks for what others left behind. @default true */
  readonly enabled: boolean;
  /** Between two looks, in milliseconds; drawn between half and one and a half of it. 10 to 3600000. @default 1000 */
  readonly intervalMs: number;
  /** How many transactions of a dead instance are finished at once. 1 to 10000. @default 100 */
  readonly batch: number;
  /** How often this instance says that it lives, in milliseconds. 10 to 600000. @default 1000 */
  readonly heartbeatMs: number;
  /** After so long without a heartbeat an instance counts as dead, in milliseconds. 20 to 3600000. @default three heartbeats */
  readonly lapseMs: number;
}

export interface DurabilityOptions {
  /** How many replicas of each master. 1 to 16. */
  readonly replicas: number;
  /**
   * How long a commit waits for them, in milliseconds; then it ends with DurabilityNotReachedError. 1 to half of
   * `commandTimeoutMs`. @default half of `commandTimeoutMs`
   */
  readonly timeoutMs?: number;
}
