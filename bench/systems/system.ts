import type { Call } from './call.js';

/** The one Redis, or every master of the cluster. */
export type RedisUrls = readonly [string, ...string[]];

/** What a system needs to know to start. */
export interface SystemContext {
  readonly redisUrls: RedisUrls;
  /** Where the workload has a database. */
  readonly postgresUrl?: string | undefined;
  /** Where the workload is about Memcached or Ignite: `host:port` of each. */
  readonly cacheServers?: readonly string[] | undefined;
  /** How many calls run at once, at most. */
  readonly concurrency: number;
}

/** One account as the system has stored it. */
export interface StoredAccount {
  readonly balance: number;
  /** How many writes the account has seen; undefined where the layout counts none. */
  readonly version?: number;
}

/** One way to move money between two accounts in Redis. */
export interface System {
  /** Connects, and stores a new account under each id; without ids others have stored them. */
  setup(ids: readonly string[]): Promise<void>;

  /**
   * Reads both accounts, checks the balance, writes both. Resolves once the transfer is committed.
   * Counts its attempts in `call`.
   *
   * @throws InsufficientFundsError when the balance does not suffice; nothing is written.
   * @throws GaveUpError when it could not commit within the time of a call; nothing is written.
   */
  transfer(from: string, to: string, amount: number, call: Call): Promise<void>;

  /** Reads all accounts back for the check, in the order of `ids`. */
  check(ids: readonly string[]): Promise<StoredAccount[]>;

  close(): Promise<void>;
}

export type CreateSystem = (context: SystemContext) => System;
