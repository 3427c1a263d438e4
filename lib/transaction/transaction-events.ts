import { channel, type Channel } from 'node:diagnostics_channel';
import type { Transaction } from './transaction.js';

/** The names of the channels of `node:diagnostics_channel` that tell what transactions do. */
export const TRANSACTION_CHANNELS = {
  begun: 'nestjs-distributed-tx:begun',
  committed: 'nestjs-distributed-tx:committed',
  rolledBack: 'nestjs-distributed-tx:rolled-back',
  conflict: 'nestjs-distributed-tx:conflict',
  retried: 'nestjs-distributed-tx:retried',
  outcomeUnknown: 'nestjs-distributed-tx:outcome-unknown',
} as const;

/** The message on every channel. It holds no values, and keys only inside of `error`. */
export interface TransactionEvent {
  readonly transaction: string;
  readonly callId: string;
  readonly attempt: number;
  /** The class and the method, or the option `name`. */
  readonly name: string | undefined;
  /** `rolled-back`, `conflict`, `outcome-unknown`: why. */
  readonly error?: unknown;
  /** `retried`: how long the call waits before its next attempt, in milliseconds. */
  readonly delayMs?: number;
  /** `outcome-unknown`: what to ask `outcomeOf` for. */
  readonly address?: string;
}

/** Where lines for people go. */
export interface TransactionLog {
  debug(message: string): void;
  warn(message: string): void;
  error(message: string, stack?: string): void;
}

/** A conflict or two are nothing to write home about, and there may be thousands in a second. */
const NOTABLE_ATTEMPT = 3;

type Detail = Pick<TransactionEvent, 'error' | 'delayMs' | 'address'>;

/** Tells observers and the log what happens. Costs nothing where nobody listens. */
export class TransactionEvents {
  readonly #channels = {
    begun: channel(TRANSACTION_CHANNELS.begun),
    committed: channel(TRANSACTION_CHANNELS.committed),
    rolledBack: channel(TRANSACTION_CHANNELS.rolledBack),
    conflict: channel(TRANSACTION_CHANNELS.conflict),
    retried: channel(TRANSACTION_CHANNELS.retried),
    outcomeUnknown: channel(TRANSACTION_CHANNELS.outcomeUnknown),
  };
  readonly #log: TransactionLog;

  constructor(log: TransactionLog) {
    this.#log = log;
  }

  begun(transaction: Transaction): void {
    publish(this.#channels.begun, transaction);
  }

  committed(transaction: Transaction): void {
    publish(this.#channels.committed, transaction);
  }

  rolledBack(transaction: Transaction, error: unknown): void {
    publish(this.#channels.rolledBack, transaction, { error });
  }

  conflict(transaction: Transaction, error: unknown): void {
    publish(this.#channels.conflict, transaction, { error });
  }

  retried(transaction: Transaction, delayMs: number): void {
    publish(this.#channels.retried, transaction, { delayMs });
    if (transaction.attempt < NOTABLE_ATTEMPT) return;
    this.#log.debug(`${describe(transaction)} met a conflict and runs again.`);
  }

  gaveUp(transaction: Transaction, error: Error): void {
    this.#log.warn(`${describe(transaction)} gave up: ${error.name}.`);
  }

  outcomeUnknown(transaction: Transaction, error: unknown): void {
    const { address } = transaction;
    publish(this.#channels.outcomeUnknown, transaction, { error, address });
    this.#log.warn(`${describe(transaction)}: the outcome of ${address} is unknown.`);
  }

  /** Its caller waits for it no longer. */
  hookOverdue(transaction: Transaction, hook: string, afterMs: number): void {
    this.#log.warn(
      `${describe(transaction)}: its ${hook} hook has not ended within ${afterMs} ms (hookTimeoutMs) and is ` +
        'not waited for any longer. Bound what it waits for.',
    );
  }

  hookFailed(transaction: Transaction, hook: string, error: unknown): void {
    const stack = error instanceof Error ? error.stack : String(error);
    this.#log.error(`${describe(transaction)}: its ${hook} hook failed.`, stack);
  }
}

function publish(to: Channel, transaction: Transaction, detail?: Detail): void {
  if (!to.hasSubscribers) return;
  const { id, callId, attempt, options } = transaction;
  to.publish({ transaction: id, callId, attempt, name: options.name, ...detail });
}

/** Names the attempt by nothing that a user's data could be in. */
function describe({ callId, attempt, options }: Transaction): string {
  const name = options.name === undefined ? '' : ` ${options.name}`;
  return `Transaction${name} [${callId} attempt ${attempt}]`;
}
