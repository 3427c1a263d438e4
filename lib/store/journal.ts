import type { TransactionAddress } from './transaction-address.js';

/** What a transaction holds, or may hold. */
export interface Holdings {
  readonly address: TransactionAddress;
  readonly keys: readonly string[];
}

/**
 * Where instances write down which items their transactions hold, so that another one can finish them.
 * An instance is a process or a worker in it, named for ever by its tag.
 */
export interface Journal {
  /** Notes holdings; acknowledged before their transaction is decided. Batches a turn. */
  enter(instance: string, holdings: Holdings, until: number): Promise<void>;

  /** Strikes out transactions that are finished. May be repeated. */
  leave(instance: string, addresses: readonly TransactionAddress[], until: number): Promise<void>;

  /** The instance lives, and counts as dead when this is not said again for `lapseMs`. */
  beat(instance: string, lapseMs: number, until: number): Promise<void>;

  /** Instances that count as dead. */
  lapsed(until: number): Promise<readonly string[]>;

  /** Some of what is written down, at most so many. */
  entries(instance: string, most: number, until: number): Promise<readonly Holdings[]>;

  /** Strikes out an instance that has lapsed, unless it has entries or has come back to life. */
  forget(instance: string, until: number): Promise<void>;
}
