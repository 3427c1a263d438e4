import {
  DistributedTxError,
  InvariantViolationError,
  ParticipantUnavailableError,
  ParticipantUsageError,
} from '../errors/index.js';
import type { BranchTransaction } from '../participants/branch.js';
import type { Enlisted } from '../participants/participant.js';
import type { RecordedBranch } from '../store/versioned-store.js';
import type { CommitRefusal } from './commit-request.js';

/** What became of the decision of a participant; `unknown` where it has to be asked. */
export type Decision =
  'committed' | { readonly refused: CommitRefusal } | { readonly unknown: unknown };

/** What takes part in a commit besides the cache: at most one that decides, and those that are prepared. */
export class BranchSet {
  readonly all: readonly Enlisted[];
  /** Its own commit is the decision; undefined where the record decides. */
  readonly decider: Enlisted | undefined;
  readonly prepared: readonly Enlisted[];

  /** @throws ParticipantUsageError where more than one of them could only decide. */
  constructor(all: readonly Enlisted[]) {
    this.all = all;
    this.decider = chooseDecider(all);
    this.prepared = all.filter((one) => one !== this.decider);
  }

  get recorded(): readonly RecordedBranch[] {
    return this.all.map(({ branch: { participant, number, payload } }) => ({
      participant,
      number,
      payload,
    }));
  }

  /** Every participant may be called with its branch from now on. */
  nameBy(transaction: BranchTransaction): void {
    for (const { branch } of this.all) branch.nameBy(transaction);
  }

  /** One step for each branch that is prepared; none of them is ever rejected. */
  prepare(until: number): readonly Promise<CommitRefusal | undefined>[] {
    return this.prepared.map(async ({ participant, branch }) => {
      try {
        await participant.prepare(branch, until);
        return undefined;
      } catch (cause) {
        return { status: 'vetoed', cause } as const;
      }
    });
  }

  /** The commit of the participant who decides. */
  async decide(until: number): Promise<Decision> {
    const { participant, branch } = this.#requireDecider();
    try {
      await participant.decide!(branch, until);
      return 'committed';
    } catch (cause) {
      const isKnown = cause instanceof DistributedTxError && cause.category !== 'outcome-unknown';
      if (!isKnown) return { unknown: cause };
      return { refused: { status: 'vetoed', cause } };
    }
  }

  /** Has the decider let go of what it holds, before others are asked what it has decided. */
  async release(until: number): Promise<void> {
    if (this.decider === undefined) return;
    // What it could not let go of ends with its connection.
    await driveBranches([this.decider], 'rollback', until).catch(() => undefined);
  }

  /** Learns what the participant has decided, for good. @throws ParticipantUnavailableError */
  fence(until: number): Promise<'committed' | 'rolled_back'> {
    return fenceDecider(this.#requireDecider(), until);
  }

  #requireDecider(): Enlisted {
    if (this.decider !== undefined) return this.decider;
    throw new InvariantViolationError('No participant of this transaction decides.');
  }
}

/** @throws ParticipantUnavailableError whatever the participant rejects with: it is asked again then. */
export async function fenceDecider(
  { participant, branch }: Enlisted,
  until: number,
): Promise<'committed' | 'rolled_back'> {
  if (participant.fence === undefined) {
    throw new InvariantViolationError(
      `Participant ${participant.name} cannot be asked for a decision.`,
    );
  }
  try {
    return await participant.fence(branch, until);
  } catch (cause) {
    throw new ParticipantUnavailableError(
      `Participant ${participant.name} could not be asked what it has decided.`,
      { cause },
    );
  }
}

/** @throws ParticipantUnavailableError whatever a participant rejects with: it is repeated then. */
export async function driveBranches(
  branches: readonly Enlisted[],
  outcome: 'commit' | 'rollback',
  until: number,
): Promise<void> {
  await Promise.all(
    branches.map(async ({ participant, branch }) => {
      try {
        await participant[outcome](branch, until);
      } catch (cause) {
        throw new ParticipantUnavailableError(
          `Participant ${participant.name} could not ${outcome === 'commit' ? 'commit' : 'roll back'} its branch yet.`,
          { cause },
        );
      }
    }),
  );
}

/** One that cannot be prepared has to decide; otherwise the first that can, since that spares its phase one. */
function chooseDecider(all: readonly Enlisted[]): Enlisted | undefined {
  const [unprepared, ...others] = all.filter((one) => !one.participant.capabilities.prepares);
  if (others.length === 0) {
    return unprepared ?? all.find((one) => one.participant.capabilities.decides);
  }
  const names = [unprepared, ...others].map((one) => one?.participant.name).join(', ');
  throw new ParticipantUsageError(
    `The transaction has ${others.length + 1} participants that cannot be prepared (${names}), and only one of them can ` +
      'decide. Nothing was written. Let all but one of them prepare (PostgreSQL: max_prepared_transactions > 0; MySQL, ' +
      'MariaDB: the option xa), or keep what changes together in one database.',
  );
}
