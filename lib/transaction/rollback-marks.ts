import { TransactionRolledBackError } from '../errors/index.js';
import type { Savepoint } from './operation-log.js';

/** Why a transaction must not commit, and in which savepoint that came up. */
export interface RollbackMark {
  readonly reason: unknown;
  readonly savepoint: Savepoint | undefined;
  /** `rollback()` was called, in contrast to an inner method that failed. */
  readonly byRequest: boolean;
}

/** All of one transaction. */
export class RollbackMarks {
  #marks: RollbackMark[] | undefined;

  get isEmpty(): boolean {
    return this.#marks === undefined;
  }

  add(mark: RollbackMark): void {
    if (!mark.savepoint?.isRolledBack) (this.#marks ??= []).push(mark);
  }

  /** The first one, or the first one within a savepoint. */
  first(savepoint?: Savepoint): RollbackMark | undefined {
    return this.#marks?.find(
      (mark) => savepoint === undefined || mark.savepoint?.isWithin(savepoint),
    );
  }

  /** What a savepoint must not commit is rolled back with it. */
  dropSince(savepoint: Savepoint): void {
    this.#marks = this.#marks?.filter((mark) => !mark.savepoint?.isWithin(savepoint));
  }
}

/** What the caller is told of a transaction that must not commit. */
export function rolledBackBy({ reason, byRequest }: RollbackMark): TransactionRolledBackError {
  if (byRequest) {
    const why = reason === undefined ? '' : ', for the reason in `cause`';
    return new TransactionRolledBackError(
      `The transaction was rolled back because its rollback() was called${why}. Nothing was written. To end the ` +
        'method with an error of your own, throw it instead.',
      { cause: reason },
    );
  }
  return new TransactionRolledBackError(
    'The transaction was marked for roll back by an inner method whose error was caught (see `cause`), and was ' +
      'rolled back. Let the error pass, or give the inner method NESTED or REQUIRES_NEW.',
    { cause: reason },
  );
}
