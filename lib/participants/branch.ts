import { InvariantViolationError } from '../errors/index.js';
import type { TransactionAddress } from '../store/transaction-address.js';

/** What a participant may call a transaction, once it has to be known outside of this process. */
export interface BranchTransaction {
  /** Names for ever the cache that holds the record of the transaction, see `VersionedStore.identity`. */
  readonly cache: string;
  readonly address: TransactionAddress;
}

/**
 * The part of one participant in one transaction. Whoever finishes it, the process that began it or
 * another one after a crash, has a branch that says the same.
 */
export class Branch {
  #transaction: BranchTransaction | undefined;

  /**
   * @param participant The name of the participant.
   * @param number Tells the branches of one transaction apart; counts from 1.
   * @param payload What is needed to finish it: a JSON value, stored in the record of the transaction.
   */
  constructor(
    readonly participant: string,
    readonly number: number,
    readonly payload: unknown,
    transaction?: BranchTransaction,
  ) {
    this.#transaction = transaction;
  }

  /** Nothing was asked of its participant as long as it has no name. */
  get isNamed(): boolean {
    return this.#transaction !== undefined;
  }

  /** Known since the commit began, or the participant asked for it. */
  get transaction(): BranchTransaction {
    if (this.#transaction !== undefined) return this.#transaction;
    throw new InvariantViolationError(`The branch of ${this.participant} has no address yet.`);
  }

  /** @internal Called once, by the coordinator. */
  nameBy(transaction: BranchTransaction): void {
    this.#transaction = transaction;
  }
}
