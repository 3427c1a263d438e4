import { wrongWith } from './check.js';
import type { Model } from './program.js';
import { encode, initialState, isQuiescent, type State } from './state.js';
import { stepsOf } from './steps.js';

export interface Violation {
  readonly reason: string;
  /** The steps that lead to it; there is no way with fewer steps. */
  readonly trace: readonly string[];
}

export interface Exploration {
  readonly states: number;
  /** Histories that came to their end. */
  readonly ends: number;
  /** Ends in which every transaction was told that it is committed. */
  readonly allCommitted: number;
  /** Whether there are no more states than were seen. */
  readonly complete: boolean;
  readonly violation: Violation | undefined;
}

interface Found {
  readonly state: State;
  readonly number: number;
}

/** Breadth first, until a violation is found, no state is new, or as many are seen as allowed. */
export function explore(model: Model, mostStates: number): Exploration {
  const initial = initialState(model);
  const seen = new Set([encode(initial)]);
  const ways = new Ways();
  let ends = 0;
  let allCommitted = 0;
  let level: Found[] = [{ state: initial, number: 0 }];
  const sofar = () => ({ states: seen.size, ends, allCommitted });
  while (level.length > 0) {
    const deeper: Found[] = [];
    for (const { state, number } of level) {
      const steps = stepsOf(model, state);
      const quiescent = isQuiescent(state);
      if (quiescent || steps.length === 0) {
        ends++;
        if (state.runs.every(({ told }) => told === 'committed')) allCommitted++;
        const reason = quiescent
          ? wrongWith(model, state)
          : 'a lock is left, and nobody removes it';
        if (reason !== undefined) {
          const violation = { reason, trace: titlesOf(model, ways.to(number)) };
          return { ...sofar(), complete: false, violation };
        }
      }
      for (const [choice, { next }] of steps.entries()) {
        const text = encode(next);
        if (seen.has(text)) continue;
        seen.add(text);
        deeper.push({ state: next, number: ways.add(number, choice) });
      }
      if (seen.size >= mostStates) return { ...sofar(), complete: false, violation: undefined };
    }
    level = deeper;
  }
  return { ...sofar(), complete: true, violation: undefined };
}

/** How each state was reached first: from which one, by which of its steps. */
class Ways {
  readonly #from = [-1];
  readonly #choices = [-1];

  add(from: number, choice: number): number {
    this.#choices.push(choice);
    return this.#from.push(from) - 1;
  }

  /** The choices that lead from the first state to this one. */
  to(number: number): readonly number[] {
    const choices: number[] = [];
    for (let at = number; at > 0; at = this.#from[at]!) choices.push(this.#choices[at]!);
    return choices.toReversed();
  }
}

/** Only what is to be shown is told in words, by going the same way again. */
function titlesOf(model: Model, choices: readonly number[]): readonly string[] {
  let state = initialState(model);
  return choices.map((choice) => {
    const step = stepsOf(model, state)[choice]!;
    state = step.next;
    return step.title;
  });
}
