import {
  beginCommit,
  end,
  finishReadStep,
  forget,
  hearDecided,
  hearPrepared,
  hearValidated,
  noteBeginning,
  readStepAgain,
  refuse,
  resolve,
  rollBack,
  setFlight,
} from './coordinator.js';
import { decide, fence, isToBeApplied, prepare, release, settle, stillStands } from './node.js';
import type { Key, Model, Transaction } from './program.js';
import { changeRun, draftOf, seenVersionOf, type Draft, type State } from './state.js';

/** Something that may happen next. */
export interface Step {
  readonly title: string;
  readonly next: State;
}

/** Every step that may be taken in a state, by whomever. */
export function stepsOf(model: Model, state: State): readonly Step[] {
  const steps = new Steps(model, state);
  for (const transaction of model.plans.keys()) {
    steps.addArrivals(transaction);
    steps.addWork(transaction);
    steps.addTrouble(transaction);
  }
  for (const key of model.keys.keys()) steps.addFinishing(key);
  return steps.found;
}

class Steps {
  readonly found: Step[] = [];
  readonly #model: Model;
  readonly #state: State;

  constructor(model: Model, state: State) {
    this.#model = model;
    this.#state = state;
  }

  /** Messages arrive in any order. One that has arrived may be left, to arrive a second time. */
  addArrivals(transaction: Transaction): void {
    const { decide: decision, prepare: parts } = this.#state.messages[transaction]!;
    for (const [part, flight] of parts.entries()) {
      if (flight === 'none') continue;
      this.#addPrepare(transaction, part, 'none');
      if (flight === 'sent' && this.#state.copiesLeft > 0) {
        this.#addPrepare(transaction, part, 'copy');
      }
    }
    if (decision === 'none') return;
    for (const isHeard of this.#hearings(transaction)) {
      this.#addDecide(transaction, { isHeard, left: 'none' });
      if (decision === 'sent' && this.#state.copiesLeft > 0) {
        this.#addDecide(transaction, { isHeard, left: 'copy' });
      }
    }
  }

  #addPrepare(transaction: Transaction, part: number, left: 'none' | 'copy'): void {
    const model = this.#model;
    const keys = model.plans[transaction]!.locked[part]!;
    this.#add((draft) => {
      this.#land(draft, transaction, { part, left });
      const held = prepare(draft, transaction, keys);
      hearPrepared(draft, model, { transaction, part, held });
      const what = `prepare of T${transaction} on ${this.#names(keys)}`;
      return `${what}: ${held ? 'held' : 'refused'}${copyOf(left)}`;
    });
  }

  /** Whether the answer may reach its coordinator. Records outlive the time that one waits. */
  #hearings(transaction: Transaction): readonly boolean[] {
    const { phase } = this.#state.runs[transaction]!;
    if (phase !== 'deciding' || this.#state.records[transaction]!.expired) return [false];
    return this.#model.faults.lostReplies ? [true, false] : [true];
  }

  /**
   * Nobody sends a decision twice whose answer is known, and a coordinator that was refused counts on
   * that: so no copy is left of one.
   */
  #addDecide(
    transaction: Transaction,
    { isHeard, left }: { readonly isHeard: boolean; readonly left: 'none' | 'copy' },
  ): void {
    this.#add((draft) => {
      this.#land(draft, transaction, { part: 'decide', left });
      const committed = decide(draft, this.#model, transaction);
      if (left === 'copy' && isHeard && !committed) return undefined;
      if (isHeard) hearDecided(draft, this.#model, { transaction, committed });
      const answer = committed ? 'committed' : 'refused';
      const unheard = isHeard ? '' : ', and nobody hears of it';
      return `decision of T${transaction}: ${answer}${unheard}${copyOf(left)}`;
    });
  }

  #land(
    draft: Draft,
    transaction: Transaction,
    flight: { readonly part: number | 'decide'; readonly left: 'none' | 'copy' },
  ): void {
    if (flight.left === 'copy') draft.copiesLeft--;
    setFlight(draft, transaction, flight);
  }

  /** What a coordinator does of its own accord. */
  addWork(transaction: Transaction): void {
    const { phase, met } = this.#state.runs[transaction]!;
    if (phase === 'reading' && met === 0) this.#addRead(transaction);
    if (phase === 'reading' && met > 0) this.#addLooks(transaction);
    const early = phase === 'preparing' && !this.#model.rules.locksStandBeforeValidation;
    if (phase === 'validating' || early) this.#addValidations(transaction);
    if (phase === 'refused') {
      this.#add((draft) => {
        rollBack(draft, transaction);
        return `T${transaction} rolls back`;
      });
    }
  }

  #addRead(transaction: Transaction): void {
    const model = this.#model;
    const { steps, seen } = this.#state.runs[transaction]!;
    const keys = model.plans[transaction]!.reads[steps];
    this.#add((draft) => {
      noteBeginning(draft, transaction);
      if (keys === undefined) {
        beginCommit(draft, model, transaction);
        return `T${transaction} begins, and commits`;
      }
      const versions = seen.map((version, key) =>
        keys.includes(key) ? seenVersionOf(draft.items[key]!) : version,
      );
      const met = keys.reduce((bits, key) => {
        const { lock } = draft.items[key]!;
        return lock === undefined ? bits : bits | (1 << lock);
      }, 0);
      changeRun(draft, transaction, { seen: versions, met });
      if (met === 0) finishReadStep(draft, model, transaction);
      const what = keys.map((key) => `${model.keys[key]} at ${versions[key]}`).join(', ');
      return `T${transaction} reads ${what}${met === 0 ? '' : ', and meets locks'}`;
    });
  }

  /** A reader looks at the record of each lock that it met. */
  #addLooks(transaction: Transaction): void {
    const model = this.#model;
    const { met, steps } = this.#state.runs[transaction]!;
    const keys = model.plans[transaction]!.reads[steps]!;
    for (const holder of model.plans.keys()) {
      if ((met & (1 << holder)) === 0) continue;
      const { status, expired } = this.#state.records[holder]!;
      const isUndecided = status === 'none' && !expired;
      this.#add((draft) => {
        const who = `T${transaction} looks at T${holder}`;
        if (isUndecided) {
          const marked = model.plans[holder]!.marked && model.rules.markedLockForcesValidation;
          this.#lookedAt(draft, transaction, { holder, marked });
          return `${who}, undecided, and takes the old value`;
        }
        for (const key of keys) settle(draft, model, holder, key);
        if (model.rules.settledLockForcesReading) {
          readStepAgain(draft, model, transaction);
          return `${who}, settles it, and will read again`;
        }
        this.#lookedAt(draft, transaction, { holder, marked: false });
        return `${who}, settles it, and keeps what it read`;
      });
    }
  }

  #lookedAt(
    draft: Draft,
    transaction: Transaction,
    { holder, marked }: { readonly holder: Transaction; readonly marked: boolean },
  ): void {
    const { met, metMarked } = draft.runs[transaction]!;
    const left = met & ~(1 << holder);
    changeRun(draft, transaction, { met: left, metMarked: metMarked || marked });
    if (left === 0) finishReadStep(draft, this.#model, transaction);
  }

  #addValidations(transaction: Transaction): void {
    const { validated } = this.#state.runs[transaction]!;
    for (const [part, keys] of this.#model.plans[transaction]!.validated.entries()) {
      if ((validated & (1 << part)) !== 0) continue;
      this.#add((draft) => {
        const stands = stillStands(draft, this.#model, transaction, keys);
        hearValidated(draft, this.#model, { transaction, part, stands });
        return `T${transaction} validates ${this.#names(keys)}: ${stands ? 'stands' : 'conflict'}`;
      });
    }
  }

  /** Coordinators die, replies come too late, records expire. */
  addTrouble(transaction: Transaction): void {
    const { phase } = this.#state.runs[transaction]!;
    const { kind } = this.#model.plans[transaction]!;
    if (kind === 'read-only' || phase === 'reading') return;
    this.#addExpiry(transaction);
    if (phase === 'over') return;
    if (this.#state.crashesLeft > 0) {
      this.#add((draft) => {
        draft.crashesLeft--;
        end(draft, transaction, 'crashed');
        return `the coordinator of T${transaction} dies`;
      });
    }
    if (!this.#model.faults.lostReplies) return;
    if (phase === 'deciding') {
      this.#add((draft) => {
        const told = resolve(draft, this.#model, transaction);
        return `T${transaction} has no reply, asks what became of it: ${told}`;
      });
    } else if (phase !== 'refused') {
      this.#add((draft) => {
        refuse(draft, transaction);
        return `T${transaction} has no reply, and gives up`;
      });
    }
  }

  #addExpiry(transaction: Transaction): void {
    const { faults, rules } = this.#model;
    const { expired, status } = this.#state.records[transaction]!;
    if (!faults.expiry || expired) return;
    const needed = status === 'committed' && isToBeApplied(this.#state, this.#model, transaction);
    if (needed && rules.recordOutlivesLocks) return;
    this.#add((draft) => {
      draft.records[transaction] = { status, expired: true };
      return `the time of T${transaction} and its record (${status}) is over`;
    });
  }

  /**
   * What anybody does about a lock: the owner in the background, a recoverer, a commit that met it. An
   * undecided transaction is fenced by whoever thinks that its deadline has passed.
   */
  addFinishing(key: Key): void {
    const model = this.#model;
    const holder = this.#state.items[key]!.lock;
    if (holder === undefined) return;
    const { status, expired } = this.#state.records[holder]!;
    if (status !== 'none' || expired) {
      this.#add((draft) => {
        settle(draft, model, holder, key);
        const outcome = expired ? 'forgotten' : status;
        return `somebody settles the lock of T${holder} (${outcome}) on ${model.keys[key]}`;
      });
      return;
    }
    const { phase } = this.#state.runs[holder]!;
    if (!model.faults.deadlines && phase !== 'over') return;
    this.#add((draft) => {
      if (model.rules.rolledBackBeforeRelease) {
        fence(draft, holder);
        return `somebody finds T${holder} undecided past its deadline, and fences it`;
      }
      release(draft, holder, key);
      return `somebody finds T${holder} undecided past its deadline, and releases ${model.keys[key]}`;
    });
  }

  /** A step without a title cannot be. */
  #add(take: (draft: Draft) => string | undefined): void {
    const draft = draftOf(this.#state);
    const title = take(draft);
    if (title === undefined) return;
    forget(draft);
    this.found.push({ title, next: draft });
  }

  #names(keys: readonly Key[]): string {
    return keys.map((key) => this.#model.keys[key]).join(', ');
  }
}

function copyOf(left: 'none' | 'copy'): string {
  return left === 'copy' ? ', and a copy is left' : '';
}
