import { channel } from 'node:diagnostics_channel';
import { quoteKey } from '../errors/index.js';
import { printAddress, type TransactionAddress } from '../store/transaction-address.js';

/** The channels of `node:diagnostics_channel` that tell what went wrong after a commit was decided. */
export const COMMIT_CHANNELS = {
  notApplied: 'nestjs-distributed-tx:not-applied',
  unfinished: 'nestjs-distributed-tx:unfinished',
  delayed: 'nestjs-distributed-tx:delayed',
} as const;

/** The message on these channels. It holds no values. */
export interface CommitEvent {
  readonly transaction: string;
  /** What to ask `outcomeOf` for. */
  readonly address: string;
  /** `not-applied`: the key of the item in the store. */
  readonly item?: string;
  /** `not-applied`: the version that stands instead, `0` for nothing, `foreign` for a value of another program. */
  readonly found?: string;
  /** `unfinished`: what came instead of an answer. `delayed`: why the last try failed. */
  readonly error?: unknown;
}

/** Where lines for people go. */
export interface CommitLog {
  error(message: string, stack?: string): void;
}

/** Tells observers and the log of what nobody waits for, and what must not stay unseen. */
export class CommitEvents {
  readonly #channels = {
    notApplied: channel(COMMIT_CHANNELS.notApplied),
    unfinished: channel(COMMIT_CHANNELS.unfinished),
    delayed: channel(COMMIT_CHANNELS.delayed),
  };
  readonly #log: CommitLog;

  constructor(log: CommitLog) {
    this.#log = log;
  }

  /** A committed change whose item bears neither the lock nor the version of its transaction. */
  notApplied(address: TransactionAddress, item: string, found: string): void {
    const name = printAddress(address);
    this.#channels.notApplied.publish({ transaction: address.id, address: name, item, found });
    this.#log.error(
      `Transaction ${name} is committed, but its change of ${quoteKey(item)} is lost: neither its lock nor its ` +
        `version stands there, but ${found}. A program wrote the key without this library, or a failover lost ` +
        'the lock. Nothing was overwritten; look at the item.',
    );
  }

  /** A transaction that a fault keeps from being finished; it is not tried again by this process. */
  unfinished(address: TransactionAddress, error: unknown): void {
    const name = printAddress(address);
    this.#channels.unfinished.publish({ transaction: address.id, address: name, error });
    const stack = error instanceof Error ? error.stack : String(error);
    this.#log.error(
      `Transaction ${name} could not be finished, and may hold items: what was answered makes no sense. Its ` +
        'outcome is told by transactionManager.outcomeOf; its record and its locks stay for whoever repairs them.',
      stack,
    );
  }

  /** A participant has failed for a while to do its part of a decided transaction; it is asked again and again. */
  delayed(address: TransactionAddress, error: Error): void {
    const name = printAddress(address);
    this.#channels.delayed.publish({ transaction: address.id, address: name, error });
    const { cause } = error;
    const reason = cause instanceof Error ? ` ${cause.name}: ${cause.message}` : '';
    this.#log.error(
      `Transaction ${name} is not finished yet: ${error.message}${reason} It is tried again until that succeeds.`,
      cause instanceof Error ? cause.stack : error.stack,
    );
  }
}
