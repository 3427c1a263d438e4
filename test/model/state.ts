import type { Key, Model, Transaction } from './program.js';

/** What stands under a key. */
export interface Item {
  /** `<count>.<writer>`, or for an absent item `0`; `#<n>` follows where a placeholder is locked. */
  readonly version: string;
  readonly lock: Transaction | undefined;
  /** How often a placeholder has stood here: no two of them have the same version. */
  readonly placeholders: number;
}

export interface OutcomeRecord {
  readonly status: 'none' | 'committed' | 'rolled_back';
  /**
   * Its time is over, and with it that of its transaction: nobody can read it any more, except for
   * the one who judges the history.
   */
  readonly expired: boolean;
}

/** How far the coordinator of a transaction has come. */
export type Phase =
  | 'reading'
  | 'preparing'
  | 'validating'
  | 'deciding'
  /** It has been refused, and has still to roll back. */
  | 'refused'
  | 'over';

/** What the caller of a transaction was told: for `crashed` nothing, and for `unknown` just that. */
export type Told = 'nothing' | 'committed' | 'refused' | 'unknown' | 'crashed';

/** The coordinator of one transaction. */
export interface Run {
  readonly phase: Phase;
  readonly told: Told;
  /** The transactions whose callers had an answer when this one began, as bits. */
  readonly after: number;
  /** How many read steps are done. */
  readonly steps: number;
  /** The version of each key that was read. */
  readonly seen: readonly (string | undefined)[];
  /** The holders of locks met in the last read step that were not looked up yet, as bits. */
  readonly met: number;
  /** Whether a value of this read step was taken under a marked lock. */
  readonly metMarked: boolean;
  /** Whether a value of an earlier one was. */
  readonly mustValidate: boolean;
  /**
   * The version under which each key is held, as its node answered it. Nothing is added once the
   * decision is sent, so this is the redo of the record as well.
   */
  readonly heads: readonly (string | undefined)[];
  /** The nodes whose items are validated, as bits. */
  readonly validated: number;
}

/** A message on its way: as it was sent, or a copy that is left after it has arrived once. */
export type Flight = 'none' | 'sent' | 'copy';

export interface Messages {
  /** The step that decides, of one phase or of two. */
  readonly decide: Flight;
  /** To each node with items to lock. */
  readonly prepare: readonly Flight[];
}

export interface State {
  readonly items: readonly Item[];
  readonly records: readonly OutcomeRecord[];
  readonly runs: readonly Run[];
  readonly messages: readonly Messages[];
  readonly crashesLeft: number;
  readonly copiesLeft: number;
}

/** A state on its way to be the next one: its lists may be changed, what is in them is replaced. */
export interface Draft {
  readonly items: Item[];
  readonly records: OutcomeRecord[];
  readonly runs: Run[];
  readonly messages: Messages[];
  crashesLeft: number;
  copiesLeft: number;
}

export const ABSENT = '0';

export function initialState({ program, keys, plans, faults }: Model): State {
  const unknown = keys.map(() => undefined);
  return {
    items: keys.map((name) => ({
      version: program.absent?.includes(name) === true ? ABSENT : '1.i',
      lock: undefined,
      placeholders: 0,
    })),
    records: plans.map(() => ({ status: 'none', expired: false })),
    runs: plans.map(() => ({
      phase: 'reading',
      told: 'nothing',
      after: 0,
      steps: 0,
      seen: unknown,
      met: 0,
      metMarked: false,
      mustValidate: false,
      heads: unknown,
      validated: 0,
    })),
    messages: plans.map(({ locked }) => ({ decide: 'none', prepare: locked.map(() => 'none') })),
    crashesLeft: faults.crashes,
    copiesLeft: faults.copies,
  };
}

export function draftOf(state: State): Draft {
  return {
    items: [...state.items],
    records: [...state.records],
    runs: [...state.runs],
    messages: [...state.messages],
    crashesLeft: state.crashesLeft,
    copiesLeft: state.copiesLeft,
  };
}

export function changeRun(draft: Draft, transaction: Transaction, changes: Partial<Run>): void {
  draft.runs[transaction] = { ...draft.runs[transaction]!, ...changes };
}

/** The version that a reader sees: a placeholder stands for an absent item. */
export function seenVersionOf({ version }: Item): string {
  const end = version.indexOf('#');
  return end < 0 ? version : version.slice(0, end);
}

export function isAbsent(version: string): boolean {
  return version.startsWith(ABSENT);
}

export function replaced<T>(list: readonly T[], index: Key, value: T): readonly T[] {
  const copy = [...list];
  copy[index] = value;
  return copy;
}

/** Nothing is under way any more, and nothing is left to be done. */
export function isQuiescent({ items, runs, messages }: State): boolean {
  return (
    runs.every((run) => run.phase === 'over') &&
    items.every((item) => item.lock === undefined) &&
    messages.every(
      ({ decide, prepare }) => decide === 'none' && prepare.every((flight) => flight === 'none'),
    )
  );
}

/** A text that two states share if and only if they are the same. */
export function encode(state: State): string {
  let text = `${state.crashesLeft}${state.copiesLeft}`;
  for (const { version, lock, placeholders } of state.items) {
    text += `|${version}*${lock ?? ''}~${placeholders}`;
  }
  for (const { status, expired } of state.records) text += status[0]! + (expired ? 'x' : '');
  for (const run of state.runs) text += encodeRun(run);
  for (const { decide, prepare } of state.messages) {
    text += FLIGHTS[decide];
    for (const flight of prepare) text += FLIGHTS[flight];
  }
  return text;
}

function encodeRun(run: Run): string {
  const bits = (run.metMarked ? 1 : 0) + (run.mustValidate ? 2 : 0);
  let text = `|${PHASES[run.phase]}${TOLD[run.told]}${bits}`;
  text += `${run.after}.${run.steps}.${run.met}.${run.validated}`;
  for (const version of run.seen) text += `,${version ?? ''}`;
  for (const head of run.heads) text += `;${head ?? ''}`;
  return text;
}

const PHASES: Record<Phase, string> = {
  reading: 'r',
  preparing: 'p',
  validating: 'v',
  deciding: 'd',
  refused: 'f',
  over: 'o',
};
const TOLD: Record<Told, string> = {
  nothing: 'n',
  committed: 'c',
  refused: 'f',
  unknown: 'u',
  crashed: 'x',
};
const FLIGHTS: Record<Flight, string> = { none: '-', sent: 's', copy: 'c' };
