import { ParticipantConflictError, ParticipantUsageError } from '../errors/index.js';
import { Branch } from '../participants/branch.js';
import type { Enlisted, Participant } from '../participants/participant.js';
import type { ParticipantRegistry } from '../participants/participant-registry.js';
import { checkBytes, type TransactionLimits } from './limits.js';
import type { Savepoint } from './operation-log.js';

const LOST =
  'The database ended this transaction in favour of another one (a deadlock, or a serialization failure). ' +
  'Nothing was written; the call may be made again.';

interface Entry extends Enlisted {
  readonly savepoint: Savepoint | undefined;
}

/** What takes part in one transaction, in the order in which it was enlisted. */
export class EnlistedBranches {
  readonly #participants: ParticipantRegistry;
  readonly #limits: TransactionLimits;
  #entries: Entry[] = [];
  #count = 0;
  #lost:
    | { readonly error: ParticipantConflictError; readonly savepoint: Savepoint | undefined }
    | undefined;

  constructor(participants: ParticipantRegistry, limits: TransactionLimits) {
    this.#participants = participants;
    this.#limits = limits;
  }

  get all(): readonly Enlisted[] {
    return this.#entries;
  }

  /** @throws ParticipantUsageError, LimitExceededError */
  enlist(given: Participant | string, payload: unknown, savepoint: Savepoint | undefined): Branch {
    const participant = this.#find(given);
    const stored = this.#toStored(participant, payload);
    const branch = new Branch(participant.name, ++this.#count, stored);
    this.#entries.push({ participant, branch, savepoint });
    return branch;
  }

  /** One of them has lost against another transaction: the error that says so, and where that was. */
  lose(cause: unknown, savepoint: Savepoint | undefined): void {
    this.#lost = { savepoint, error: new ParticipantConflictError(LOST, { cause }) };
  }

  /** Why a further attempt of the call may succeed, if so. */
  get conflict(): ParticipantConflictError | undefined {
    return this.#lost?.error;
  }

  /** Takes back what was done since a savepoint. */
  async rollBackTo(savepoint: Savepoint): Promise<void> {
    if (this.#lost?.savepoint?.isWithin(savepoint)) this.#lost = undefined;
    const isWithin = (entry: Entry): boolean => entry.savepoint?.isWithin(savepoint) ?? false;
    // What has no savepoints has done nothing before the commit.
    this.#entries = this.#entries.filter(
      (entry) => entry.participant.savepoints !== undefined || !isWithin(entry),
    );
    await Promise.all(
      this.#entries.map(async ({ participant, branch }) =>
        participant.savepoints?.rollbackTo(branch, savepoint),
      ),
    );
  }

  async release(savepoint: Savepoint): Promise<void> {
    await Promise.all(
      this.#entries.map(async ({ participant, branch }) =>
        participant.savepoints?.release(branch, savepoint),
      ),
    );
  }

  /** Nothing was asked of them yet, so each ends by itself. */
  async rollBack(until: number): Promise<void> {
    await Promise.allSettled(
      this.#entries.map(({ participant, branch }) => participant.rollback(branch, until)),
    );
  }

  #find(given: Participant | string): Participant {
    const name = typeof given === 'string' ? given : given?.name;
    const participant = this.#participants.get(name);
    if (participant !== undefined && (typeof given === 'string' || given === participant)) {
      return participant;
    }
    const known = [...this.#participants].map((one) => one.name).join(', ') || 'none';
    throw new ParticipantUsageError(
      `No participant ${JSON.stringify(String(name))} is provided in this application (known: ${known}). Make it a ` +
        'provider of a module, so that it is found when the application starts.',
    );
  }

  /** As it is read from the record: what finishes the branch never sees more than that. */
  #toStored({ name }: Participant, payload: unknown): unknown {
    if (payload === undefined) return undefined;
    let text: string | undefined;
    try {
      text = JSON.stringify(payload);
    } catch (cause) {
      throw new ParticipantUsageError(
        `The payload for participant ${name} cannot be stored: it is no JSON.`,
        { cause },
      );
    }
    if (text === undefined) {
      throw new ParticipantUsageError(
        `The payload for participant ${name} cannot be stored: it is no JSON.`,
      );
    }
    checkBytes('valueBytes', text, this.#limits.valueBytes);
    return JSON.parse(text);
  }
}
