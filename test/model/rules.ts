/**
 * The rules of the protocol (docs/protocol.md) that one could leave out and still have something that
 * looks like a protocol. Each wrong variant is the protocol with one of them turned off.
 */
export interface Rules {
  /** T1: what was only read elsewhere is validated when every lock stands, not while they are placed. */
  readonly locksStandBeforeValidation: boolean;
  /** A lock on a validated item is a conflict, though its version still stands. */
  readonly validationHeedsLocks: boolean;
  /** T4: items of the home go unlocked only where nothing elsewhere is only read. */
  readonly shortcutNeedsNoReadElsewhere: boolean;
  /** The step that decides refuses an item of the home that bears a lock of somebody else. */
  readonly decideHeedsForeignLocks: boolean;
  /** The step that decides refuses where `rolled_back` is recorded. */
  readonly decideHeedsRolledBack: boolean;
  /** The step that decides refuses once the deadline has passed, when records may be gone again. */
  readonly decideHeedsDeadline: boolean;
  /** A decision that is already recorded is answered `committed` again. */
  readonly repeatedDecideAnswersCommitted: boolean;
  /** T3: no lock of an undecided transaction goes before `rolled_back` is recorded. */
  readonly rolledBackBeforeRelease: boolean;
  /** A committed record is there as long as a lock that it decides about. */
  readonly recordOutlivesLocks: boolean;
  /** What was decided is applied under exactly the head that was decided; any other lock is a stray. */
  readonly applyComparesHead: boolean;
  /** What was read under a marked lock of an undecided transaction is validated at the end. */
  readonly markedLockForcesValidation: boolean;
  /** Where a lock was settled, everything is read again. */
  readonly settledLockForcesReading: boolean;
  /** I4: what became of a commit whose reply was lost is learnt by writing `rolled_back`. */
  readonly unknownOutcomeIsFenced: boolean;
  /** Each absence has a version of its own, so that one absence never passes for another one. */
  readonly absenceHasVersion: boolean;
}

/** The protocol as docs/protocol.md has it and lib/commit/ does it. */
export const AS_CODED: Rules = {
  locksStandBeforeValidation: true,
  validationHeedsLocks: true,
  shortcutNeedsNoReadElsewhere: true,
  decideHeedsForeignLocks: true,
  decideHeedsRolledBack: true,
  decideHeedsDeadline: true,
  repeatedDecideAnswersCommitted: true,
  rolledBackBeforeRelease: true,
  recordOutlivesLocks: true,
  applyComparesHead: true,
  markedLockForcesValidation: true,
  settledLockForcesReading: true,
  unknownOutcomeIsFenced: true,
  absenceHasVersion: true,
};

export function without(rule: keyof Rules): Rules {
  return { ...AS_CODED, [rule]: false };
}

/** What may go wrong besides the order in which things happen. */
export interface Faults {
  /** How many coordinators may die, each at any moment of its commit. */
  readonly crashes: number;
  /** How many messages may arrive a second time, at any later moment. */
  readonly copies: number;
  /** Whether any reply may be lost, or come too late for its coordinator. */
  readonly lostReplies: boolean;
  /** Whether the deadline of an undecided transaction may have passed for whoever meets its lock. */
  readonly deadlines: boolean;
  /** Whether records expire, once what they decide is done. Whoever waits then has to give up: `lostReplies`. */
  readonly expiry: boolean;
}

export const NO_FAULTS: Faults = {
  crashes: 0,
  copies: 0,
  lostReplies: false,
  deadlines: false,
  expiry: false,
};
