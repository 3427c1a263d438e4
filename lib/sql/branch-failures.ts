import {
  DistributedTxError,
  ParticipantConflictError,
  ParticipantRefusedError,
  ParticipantUnavailableError,
  TransactionClosedError,
} from '../errors/index.js';
import type { SqlDialect } from './sql-dialect.js';

/** What became of one branch, in words; and which errors of the driver prove that nothing was written. */
export class BranchFailures {
  /** @param name Of the participant. */
  constructor(
    readonly name: string,
    readonly dialect: SqlDialect,
    readonly transactionId: string,
  ) {}

  /** The error itself where it proves nothing of the kind. */
  refusalOf(error: unknown): unknown {
    if (error instanceof DistributedTxError) return error;
    return this.dialect.provesNoCommit(error) ? this.voteOf(error) : error;
  }

  /** Of an error before the end, after which nothing can be committed. */
  voteOf(error: unknown): DistributedTxError {
    if (error instanceof DistributedTxError) return error;
    const kind = this.dialect.kindOf(error);
    return kind === 'other' ? this.refused('was refused', error) : this.ended(kind, error);
  }

  ended(kind: 'conflict' | 'unavailable', cause: unknown): DistributedTxError {
    const work = `work of transaction ${this.transactionId} on ${this.name}`;
    if (kind === 'conflict') {
      return new ParticipantConflictError(
        `${this.dialect.database} has ended the ${work} in favour of another transaction. Nothing was written; the ` +
          'call may be made again.',
        { cause },
      );
    }
    return new ParticipantUnavailableError(
      `The connection for the ${work} was lost. Nothing was written.`,
      { cause },
    );
  }

  refused(what: string, cause?: unknown): ParticipantRefusedError {
    const why = cause instanceof Error ? `: ${cause.message}` : '';
    return new ParticipantRefusedError(
      `The work of transaction ${this.transactionId} on ${this.name} ${what} by ${this.dialect.database}${why}. ` +
        'Nothing was written.',
      { cause },
    );
  }

  closed(): TransactionClosedError {
    return new TransactionClosedError(
      `The work of transaction ${this.transactionId} on ${this.name} has ended; it takes no more statements. Await ` +
        'everything before the method returns.',
    );
  }
}
