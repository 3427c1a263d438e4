import type { Mutant } from './mutants.js';

const twoPhase = 'lib/commit/two-phase.ts';
const branchSet = 'lib/commit/branch-set.ts';
const finisher = 'lib/commit/finisher.ts';
const records = 'lib/store/judge/judge-record.ts';

/** The wrong variants of protocol.md that only a commit can have in which databases take part. */
export const participantMutants: readonly Mutant[] = [
  {
    title: 'a record that waits for a database is rolled back without asking it',
    file: records,
    find: "if (record?.startsWith('pending@')) return { reply: 'pending' };",
    replace: '',
  },
  {
    title: 'a database decides before the record says that it will',
    file: twoPhase,
    find: 'const announcing = this.#announce({ isBare: false });',
    replace: 'const announcing = undefined;',
  },
  {
    title: 'the record does not tell what the database decides about',
    file: twoPhase,
    find: 'redo: isBare ? undefined : this.#redo,',
    replace: 'redo: isBare ? undefined : [],',
  },
  {
    title: 'a decision whose reply is lost is taken for a roll back',
    file: twoPhase,
    find: 'await this.#fence(decision.unknown)',
    replace: "('rolled_back' as const)",
  },
  {
    title: 'a decision that was asked for is taken for impossible',
    file: twoPhase,
    find: 'this.#cannotCommit = false;',
    replace: '',
  },
  {
    title: 'a branch is not prepared before the decision',
    file: twoPhase,
    find: 'await this.#prepareBranches()',
    replace: 'undefined',
  },
  {
    title: 'a branch is committed before the decision',
    file: branchSet,
    find: 'await participant.prepare(branch, until);',
    replace: 'await participant.prepare(branch, until); await participant.commit(branch, until);',
  },
  {
    title: 'prepared branches are not driven to the outcome',
    file: finisher,
    find: 'driveBranches(branches, outcome, until),',
    replace: '',
  },
  {
    title: 'what the database has decided is not recorded',
    file: twoPhase,
    find: 'await this.#conclude();',
    replace: '',
  },
];
