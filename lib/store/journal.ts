import type { TransactionAddress } from './transaction-address.js';

/** What a transaction holds, or may hold. */
export interface Holdings {
  readonly address: TransactionAddress;
  readonly keys: readonly string[];
}

export interface Claim {
  /** The instance that takes over. */
  readonly by: string;
  readonly leaseMs: number;
}

export interface PageRequest {
  /** About how many notes are wanted. */
  readonly most: number;
  /** The `next` of the page before; undefined for the first one. */
  readonly from?: string | undefined;
}

export interface HoldingsPage {
  readonly entries: readonly Holdings[];
  /** How many notes of the page make no sense; they stay where they are. */
  readonly unreadable: number;
  /** Where the next page begins; undefined after the last one. */
  readonly next: string | undefined;
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

  /**
   * Takes a dead instance over for so long, so that not everybody does the same; whether nobody else has.
   * Whoever has it may take it again. Saves work, and nothing else depends on it.
   */
  claim(instance: string, claim: Claim, until: number): Promise<boolean>;

  /** Some of what is written down. A note that stands all the time is on one of the pages. */
  entries(instance: string, page: PageRequest, until: number): Promise<HoldingsPage>;

  /**
   * Strikes out an instance that has lapsed, unless it has entries or has come back to life. What comes
   * after that, of an instance that was only silent, puts it back, or is put back with its next heartbeat.
   */
  forget(instance: string, until: number): Promise<void>;
}
