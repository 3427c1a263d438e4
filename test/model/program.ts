import type { Faults, Rules } from './rules.js';

/** A transaction as data. The first letter of a key is its node: `a1` and `a2` lie on node `a`. */
export interface TransactionProgram {
  /** The keys of each read step, which one atomic step on one node answers. */
  readonly reads: readonly (readonly string[])[];
  /** What is written without having been read is a blind write. */
  readonly writes?: readonly string[];
  readonly deletes?: readonly string[];
}

/** Transactions that run at the same time, each of them once. */
export interface Program {
  readonly title: string;
  readonly transactions: readonly TransactionProgram[];
  /** Keys under which nothing stands in the beginning. */
  readonly absent?: readonly string[];
}

/** A key, by its place in the list of all keys of the program. */
export type Key = number;

/** A transaction, by its place in the program. */
export type Transaction = number;

/** What a transaction has to do at commit, as `CommitPlan` and `CommitParts` say it in lib/commit/. */
export interface Plan {
  readonly kind: 'read-only' | 'one-phase' | 'two-phase';
  readonly reads: readonly (readonly Key[])[];
  readonly written: readonly Key[];
  readonly deleted: readonly Key[];
  /** What is locked before the decision, by node. */
  readonly locked: readonly (readonly Key[])[];
  /** What is validated before the decision, by node. */
  readonly validated: readonly (readonly Key[])[];
  /** What is checked in the step that decides, and whether it has to be held by then. */
  readonly home: readonly { readonly key: Key; readonly held: boolean }[];
  /** What is written after the decision. */
  readonly redo: readonly Key[];
  /** Its locks say that it still has to validate something. */
  readonly marked: boolean;
}

/** Everything that does not change from state to state. */
export interface Model {
  readonly program: Program;
  readonly rules: Rules;
  readonly faults: Faults;
  readonly keys: readonly string[];
  readonly plans: readonly Plan[];
}

export function modelOf(program: Program, rules: Rules, faults: Faults): Model {
  const keys = [...new Set(program.transactions.flatMap(keysOf))].toSorted();
  const plans = program.transactions.map((transaction) => planOf(transaction, keys, rules));
  return { program, rules, faults, keys, plans };
}

function keysOf({ reads, writes = [], deletes = [] }: TransactionProgram): readonly string[] {
  return [...reads.flat(), ...writes, ...deletes];
}

function nodeOf(name: string): string {
  return name.slice(0, 1);
}

function planOf(transaction: TransactionProgram, keys: readonly string[], rules: Rules): Plan {
  const { reads, deletes = [] } = transaction;
  const writtenNames = [...(transaction.writes ?? []), ...deletes].toSorted();
  const onlyRead = reads.flat().filter((name) => !writtenNames.includes(name));
  const home = writtenNames[0] === undefined ? undefined : nodeOf(writtenNames[0]);
  const isHome = (name: string): boolean => nodeOf(name) === home;
  const isElsewhere = (name: string): boolean => nodeOf(name) !== home;

  const readElsewhere = onlyRead.filter(isElsewhere);
  const isShortcut = readElsewhere.length === 0 || !rules.shortcutNeedsNoReadElsewhere;
  const lockedNames = isShortcut ? writtenNames.filter(isElsewhere) : writtenNames;
  const oneNode = keysOf(transaction).every(isHome);
  const toKeys = (names: readonly string[]): readonly Key[] =>
    names.map((name) => keys.indexOf(name));
  const byNode = (names: readonly string[]): readonly (readonly Key[])[] =>
    [...new Set(names.map(nodeOf))].map((node) =>
      toKeys(names.filter((name) => nodeOf(name) === node)),
    );

  return {
    kind: home === undefined ? 'read-only' : oneNode ? 'one-phase' : 'two-phase',
    reads: reads.map(toKeys),
    written: toKeys(writtenNames),
    deleted: toKeys(deletes),
    locked: byNode(lockedNames),
    validated: byNode(home === undefined ? onlyRead : readElsewhere),
    home: [...onlyRead, ...writtenNames]
      .filter(isHome)
      .map((name) => ({ key: keys.indexOf(name), held: lockedNames.includes(name) })),
    redo: toKeys(writtenNames.filter(isElsewhere)),
    marked: home !== undefined && readElsewhere.length > 0,
  };
}
