import { fence } from './node.js';
import type { Model, Transaction } from './program.js';
import { changeRun, replaced, type Draft, type Told } from './state.js';

/**
 * What a coordinator does by itself once it has an answer, as lib/commit/two-phase.ts does it. None of
 * this can be seen by others before a message arrives, so it is part of the step that answered.
 */

/**
 * Everybody who was answered before counts as earlier. One that reads its first step again has kept
 * nothing from before, and counts as beginning anew.
 */
export function noteBeginning(draft: Draft, transaction: Transaction): void {
  const { steps, seen } = draft.runs[transaction]!;
  if (steps > 0 || seen.some((version) => version !== undefined)) return;
  const told = draft.runs.map((run, other) => (run.told === 'committed' ? 1 << other : 0));
  changeRun(draft, transaction, { after: told.reduce((bits, bit) => bits | bit, 0) });
}

/** The values of a read step are taken. */
export function finishReadStep(draft: Draft, model: Model, transaction: Transaction): void {
  const { steps, mustValidate, metMarked } = draft.runs[transaction]!;
  changeRun(draft, transaction, {
    steps: steps + 1,
    met: 0,
    metMarked: false,
    mustValidate: mustValidate || metMarked,
  });
  if (steps + 1 === model.plans[transaction]!.reads.length) beginCommit(draft, model, transaction);
}

/** A lock was settled, so that what was read with it may be older than what stands beside it. */
export function readStepAgain(draft: Draft, model: Model, transaction: Transaction): void {
  const { steps, seen } = draft.runs[transaction]!;
  const keys = model.plans[transaction]!.reads[steps]!;
  changeRun(draft, transaction, {
    met: 0,
    metMarked: false,
    seen: seen.map((version, key) => (keys.includes(key) ? undefined : version)),
  });
}

export function beginCommit(draft: Draft, model: Model, transaction: Transaction): void {
  const { kind, reads, locked } = model.plans[transaction]!;
  switch (kind) {
    case 'read-only': {
      const existedTogether = reads.length <= 1 && !draft.runs[transaction]!.mustValidate;
      if (existedTogether) end(draft, transaction, 'committed');
      else changeRun(draft, transaction, { phase: 'validating' });
      return;
    }
    case 'one-phase':
      sendDecide(draft, transaction);
      return;
    case 'two-phase':
      changeRun(draft, transaction, { phase: 'preparing' });
      draft.messages[transaction] = { decide: 'none', prepare: locked.map(() => 'sent') };
      if (locked.length === 0) goOn(draft, model, transaction);
  }
}

/** A node has answered to `prepare`. What comes after the coordinator has moved on is not heard. */
export function hearPrepared(
  draft: Draft,
  model: Model,
  { transaction, part, held }: { transaction: Transaction; part: number; held: boolean },
): void {
  const { phase, heads } = draft.runs[transaction]!;
  if (phase !== 'preparing') return;
  if (!held) return refuse(draft, transaction);
  const keys = model.plans[transaction]!.locked[part]!;
  changeRun(draft, transaction, {
    heads: heads.map((head, key) => (keys.includes(key) ? draft.items[key]!.version : head)),
  });
  goOn(draft, model, transaction);
}

/** A node has answered what stands there. */
export function hearValidated(
  draft: Draft,
  model: Model,
  { transaction, part, stands }: { transaction: Transaction; part: number; stands: boolean },
): void {
  if (!stands) return refuse(draft, transaction);
  const validated = draft.runs[transaction]!.validated | (1 << part);
  changeRun(draft, transaction, { validated });
  goOn(draft, model, transaction);
}

/** T1: from locking to validating to deciding. */
function goOn(draft: Draft, model: Model, transaction: Transaction): void {
  const { kind, locked, validated } = model.plans[transaction]!;
  const run = draft.runs[transaction]!;
  const isHeld = locked.flat().every((key) => run.heads[key] !== undefined);
  if (!isHeld) return;
  if (run.validated !== (1 << validated.length) - 1) {
    changeRun(draft, transaction, { phase: 'validating' });
  } else if (kind === 'read-only') end(draft, transaction, 'committed');
  else sendDecide(draft, transaction);
}

function sendDecide(draft: Draft, transaction: Transaction): void {
  changeRun(draft, transaction, { phase: 'deciding' });
  const { prepare } = draft.messages[transaction]!;
  draft.messages[transaction] = { prepare, decide: 'sent' };
}

/** The node of the record has answered. A refusal is no outcome: of two phases it is made one. */
export function hearDecided(
  draft: Draft,
  model: Model,
  { transaction, committed }: { transaction: Transaction; committed: boolean },
): void {
  if (committed) end(draft, transaction, 'committed');
  else if (model.plans[transaction]!.kind === 'one-phase') end(draft, transaction, 'refused');
  else refuse(draft, transaction);
}

/** I3 of lib/commit/coordinator.ts: asks by writing what became of a decision without an answer. */
export function resolve(draft: Draft, { rules }: Model, transaction: Transaction): Told {
  if (rules.unknownOutcomeIsFenced) fence(draft, transaction);
  const { status, expired } = draft.records[transaction]!;
  const told = expired ? 'unknown' : status === 'committed' ? 'committed' : 'refused';
  end(draft, transaction, told);
  return told;
}

/** T3: first the record says so; the locks are left to whoever meets them, the coordinator for one. */
export function rollBack(draft: Draft, transaction: Transaction): void {
  fence(draft, transaction);
  end(draft, transaction, 'refused');
}

/** Somebody has something against the transaction. One that only reads has nothing to roll back. */
export function refuse(draft: Draft, transaction: Transaction): void {
  const { heads, phase } = draft.runs[transaction]!;
  const holdsNothing = heads.every((head) => head === undefined) && phase === 'validating';
  if (holdsNothing) end(draft, transaction, 'refused');
  else changeRun(draft, transaction, { phase: 'refused' });
}

/** The caller has his answer, or nobody is left to give him one. */
export function end(draft: Draft, transaction: Transaction, told: Told): void {
  changeRun(draft, transaction, {
    phase: 'over',
    told,
    met: 0,
    metMarked: false,
    mustValidate: false,
    validated: 0,
  });
}

/** What nobody will ask for any more is forgotten, so that states that differ in it alone are one. */
export function forget(draft: Draft): void {
  for (const [transaction, run] of draft.runs.entries()) {
    if (run.phase !== 'over') continue;
    const { decide, prepare } = draft.messages[transaction]!;
    if (decide !== 'none' || prepare.some((flight) => flight !== 'none')) continue;
    if (draft.items.some((item) => item.lock === transaction)) continue;
    const nothing = run.heads.map(() => undefined);
    const isCommitted =
      run.told === 'committed' || draft.records[transaction]!.status === 'committed';
    changeRun(draft, transaction, {
      heads: nothing,
      seen: isCommitted ? run.seen : nothing,
      after: isCommitted ? run.after : 0,
    });
  }
}

export function setFlight(
  draft: Draft,
  transaction: Transaction,
  flight: { readonly part: number | 'decide'; readonly left: 'none' | 'copy' },
): void {
  const { decide, prepare } = draft.messages[transaction]!;
  const { part, left } = flight;
  draft.messages[transaction] =
    part === 'decide'
      ? { decide: left, prepare }
      : { decide, prepare: replaced(prepare, part, left) };
}
