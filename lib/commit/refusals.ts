import type { CommitRefusal } from './commit-request.js';
import { isFault } from './fault.js';

/** Waits for all steps, none of which is ever rejected; answers the refusal that says most. */
export async function firstOf(
  steps: readonly Promise<CommitRefusal | undefined>[],
): Promise<CommitRefusal | undefined> {
  const given: CommitRefusal[] = [];
  for (const step of steps) {
    const refusal = await step;
    if (refusal !== undefined) given.push(refusal);
  }
  // What an item has against the transaction says more than a node that did not answer.
  return (
    given.find((refusal) => faultIn(refusal) !== undefined) ??
    given.find((refusal) => refusal.status !== 'unprepared') ??
    given[0]
  );
}

export function unprepared(error: unknown): CommitRefusal {
  return { status: 'unprepared', cause: error };
}

/** What is no state of a node, and is told as it is. */
export function faultIn(refusal: CommitRefusal): unknown {
  return refusal.status === 'unprepared' && isFault(refusal.cause) ? refusal.cause : undefined;
}
