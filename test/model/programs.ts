import type { Program } from './program.js';
import { NO_FAULTS, type Faults, type Rules } from './rules.js';

/** A program, and what may go wrong while it runs. */
export interface Case extends Program {
  readonly faults: Faults;
}

const ALL_FAULTS: Faults = {
  crashes: 1,
  copies: 1,
  lostReplies: true,
  deadlines: true,
  expiry: true,
};
const TWICE: Faults = { ...ALL_FAULTS, crashes: 2, copies: 2 };
const WITHOUT_EXPIRY: Faults = { ...ALL_FAULTS, expiry: false };

const TRANSFER = { reads: [['a1'], ['b1']], writes: ['a1', 'b1'] };
const TRANSFER_BACK = { reads: [['b1'], ['a1']], writes: ['a1', 'b1'] };
/** It writes on both nodes, and reads an item beside one of them: all its locks are marked. */
const FULL_PATH = { reads: [['a1'], ['b1'], ['b2']], writes: ['a1', 'b1'] };

const SKEW = [
  { reads: [['a1'], ['b1']], writes: ['a1'] },
  { reads: [['a1'], ['b1']], writes: ['b1'] },
];
const SKEW_AND_READER = [...SKEW, { reads: [['b1'], ['a1']] }];
const MARKED_AND_MGET = [FULL_PATH, { reads: [['b2']], writes: ['b2'] }, { reads: [['b1', 'b2']] }];

/** What the protocol has to bear. */
export const CASES: readonly Case[] = [
  {
    title: 'two transfers between two nodes, in opposite directions',
    transactions: [TRANSFER, TRANSFER_BACK],
    faults: TWICE,
  },
  {
    title: 'two transfers, and a reader of both accounts in two steps',
    transactions: [TRANSFER, TRANSFER, { reads: [['b1'], ['a1']] }],
    faults: WITHOUT_EXPIRY,
  },
  {
    title: 'write skew across nodes',
    transactions: SKEW,
    faults: TWICE,
  },
  {
    title: 'a reader with one MGET against a full path with an item that is only read elsewhere',
    transactions: MARKED_AND_MGET,
    faults: WITHOUT_EXPIRY,
  },
  {
    title: 'a reader in two steps against a full path with an item that is only read elsewhere',
    transactions: [FULL_PATH, { reads: [['b2']], writes: ['b2'] }, { reads: [['b2'], ['a1']] }],
    faults: WITHOUT_EXPIRY,
  },
  {
    title: 'one phase on either node against two phases',
    transactions: [
      TRANSFER,
      { reads: [['a1']], writes: ['a1'] },
      { reads: [['b1']], writes: ['b1'] },
    ],
    faults: WITHOUT_EXPIRY,
  },
  {
    title: 'a blind write of an absent item, its deletion, and a reader',
    transactions: [
      { reads: [['a1']], writes: ['a1', 'b1'] },
      { reads: [['b1']], deletes: ['b1'] },
      { reads: [['b1']] },
    ],
    absent: ['b1'],
    faults: ALL_FAULTS,
  },
  {
    title: 'two keys on each node, each transaction with a part of them',
    transactions: [
      { reads: [['a1', 'a2'], ['b1']], writes: ['a1', 'b1'] },
      { reads: [['b1', 'b2'], ['a2']], writes: ['a2', 'b2'] },
    ],
    faults: ALL_FAULTS,
  },
  {
    title: 'moving an item from node to node, there and back',
    transactions: [
      { reads: [['a1'], ['b1']], writes: ['b1'], deletes: ['a1'] },
      { reads: [['b1'], ['a1']], writes: ['a1'], deletes: ['b1'] },
    ],
    absent: ['b1'],
    faults: TWICE,
  },
  {
    title: 'write skew, and a reader of both items in two steps',
    transactions: SKEW_AND_READER,
    faults: WITHOUT_EXPIRY,
  },
];

/** Three million states, which take a minute and two gigabytes. */
export const LARGE_CASE: Case = {
  title: 'write skew, a reader of both items in two steps, and twice as much that goes wrong',
  transactions: SKEW_AND_READER,
  faults: TWICE,
};

/** A wrong variant of the protocol, and what shows that it is wrong. */
export interface Variant extends Case {
  readonly rule: keyof Rules;
}

const LATE: Faults = { ...NO_FAULTS, deadlines: true };
const UNHEARD: Faults = { ...NO_FAULTS, lostReplies: true };
const MIXED = [TRANSFER, { reads: [['b1']], writes: ['b1'] }];

/** Those of the list in docs/protocol.md that these steps can show. */
export const VARIANTS: readonly Variant[] = [
  {
    title: 'reads are validated in parallel with placing locks',
    rule: 'locksStandBeforeValidation',
    transactions: SKEW,
    faults: NO_FAULTS,
  },
  {
    title: 'versions are validated without looking at locks',
    rule: 'validationHeedsLocks',
    transactions: SKEW,
    faults: NO_FAULTS,
  },
  {
    title: 'the shortcut is used while an item elsewhere is only read',
    rule: 'shortcutNeedsNoReadElsewhere',
    transactions: SKEW,
    faults: NO_FAULTS,
  },
  {
    title: 'a decision ignores foreign locks',
    rule: 'decideHeedsForeignLocks',
    transactions: MIXED,
    faults: NO_FAULTS,
  },
  {
    title: 'a decision does not look for rolled_back',
    rule: 'decideHeedsRolledBack',
    transactions: [TRANSFER],
    faults: LATE,
  },
  {
    title: 'a decision does not look at the deadline',
    rule: 'decideHeedsDeadline',
    transactions: [TRANSFER],
    faults: { ...LATE, lostReplies: true, expiry: true },
  },
  {
    title: 'locks go before rolled_back is written',
    rule: 'rolledBackBeforeRelease',
    transactions: [TRANSFER],
    faults: LATE,
  },
  {
    title: 'a record goes before its locks are gone',
    rule: 'recordOutlivesLocks',
    transactions: [TRANSFER],
    faults: { ...NO_FAULTS, lostReplies: true, expiry: true },
  },
  {
    title: 'a late prepare locks again at another version, and apply does not compare the head',
    rule: 'applyComparesHead',
    transactions: [
      { reads: [['a1']], writes: ['a1', 'b1'] },
      { reads: [['b1']], writes: ['b1'] },
    ],
    faults: { ...NO_FAULTS, copies: 1 },
  },
  {
    title: 'a repeated decision is reported as an abort',
    rule: 'repeatedDecideAnswersCommitted',
    transactions: [TRANSFER],
    faults: { ...UNHEARD, copies: 1 },
  },
  {
    title: 'a read that is not validated takes the old value under a marked lock',
    rule: 'markedLockForcesValidation',
    transactions: MARKED_AND_MGET,
    faults: NO_FAULTS,
  },
  {
    title: 'a value that was read under a lock is kept when the lock is settled',
    rule: 'settledLockForcesReading',
    transactions: [TRANSFER, { reads: [['b1']] }],
    faults: NO_FAULTS,
  },
  {
    title: 'an unknown outcome is concluded from a plain read of an absent record',
    rule: 'unknownOutcomeIsFenced',
    transactions: [{ reads: [['a1']], writes: ['a1'] }],
    faults: UNHEARD,
  },
  {
    // An item is inserted together with a change elsewhere, and deleted again together with another one.
    title: 'one absence is like any other to who validates it',
    rule: 'absenceHasVersion',
    transactions: [
      { reads: [['a1'], ['b1']] },
      { reads: [['a1'], ['b1']], writes: ['a1', 'b1'] },
      { reads: [['a1'], ['b1']], writes: ['b1'], deletes: ['a1'] },
    ],
    absent: ['a1'],
    faults: NO_FAULTS,
  },
];
