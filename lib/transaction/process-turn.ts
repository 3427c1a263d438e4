import type { Clock } from '../store/clock.js';
import type { TurnKeeper, TurnRequest } from '../store/turn-keeper.js';

/** What the turn is about, in this process. */
export interface TurnUser {
  /** Whether transactions wait for it. */
  readonly wantsTurn: boolean;
  /** Whether something is under way that it is needed for. */
  readonly usesTurn: boolean;
  /** This process has the turn. @param isNew Another one may have had it in between. */
  goOn(isNew: boolean): void;
}

/** How often this process had the turn, and for how long it waited for it in all, in milliseconds. */
export interface TurnCounts {
  readonly turns: number;
  readonly waitedMs: number;
}

export interface ProcessTurnOptions {
  readonly clock: Clock;
  /** Names this process. */
  readonly processTag: string;
  readonly keeper: TurnKeeper;
}

/** How long a process keeps the turn while others want it, in milliseconds. */
const SLICE_MS = 12;
/** How long it waits after that for what is under way. */
const LONGEST_END_MS = 20;
/** Whoever keeps it for so long has died, or stands still. */
const LEASE_MS = 100;
const GRACE_MS = 20;
/** Between two looks whether anybody here needs it still. */
const LOOK_MS = 2;
/** Between two questions of the next one, and of those who come after it. */
const NEXT_MS = 1;
const WAITING_MS = 4;

/** `ending`: only what is under way may go on. `passing`: the keeper is being told. */
type State = 'none' | 'asking' | 'held' | 'ending' | 'passing';

/**
 * The turn of this process among all that want the same items. It is asked for when somebody here waits for it, kept
 * for a slice, and passed on when nothing is under way any more that it is needed for. Where the keeper fails,
 * everybody goes on as if there were no turn.
 */
export class ProcessTurn {
  readonly #options: ProcessTurnOptions;
  readonly #user: TurnUser;
  readonly #request: TurnRequest;
  #state: State = 'none';
  #askedAt = 0;
  #heldSince = 0;
  #turns = 0;
  #waitedMs = 0;

  constructor(options: ProcessTurnOptions, user: TurnUser) {
    this.#options = options;
    this.#user = user;
    this.#request = { process: options.processTag, leaseMs: LEASE_MS, graceMs: GRACE_MS };
  }

  get counts(): TurnCounts {
    return { turns: this.#turns, waitedMs: this.#waitedMs };
  }

  /** @param isUnderWay Whether whoever asks has something already that others wait for. */
  allows(isUnderWay: boolean): boolean {
    return this.#state === 'held' || (this.#state === 'ending' && isUnderWay);
  }

  /** Somebody waits for it. */
  want(): void {
    if (this.#state !== 'none') return;
    this.#state = 'asking';
    this.#askedAt = this.#options.clock.now();
    void this.#ask();
  }

  /** Something that it was needed for is done. */
  settled(): void {
    if (this.#state === 'ending' && !this.#user.usesTurn) void this.#pass();
  }

  async #ask(): Promise<void> {
    const reply = await this.#options.keeper.take(this.#request).catch(() => 'taken' as const);
    if (reply !== 'taken') {
      this.#later(reply === 'next' ? NEXT_MS : WAITING_MS, () => void this.#ask());
      return;
    }
    this.#turns++;
    this.#waitedMs += this.#options.clock.now() - this.#askedAt;
    this.#hold(true);
  }

  #hold(isNew: boolean): void {
    this.#state = 'held';
    this.#heldSince = this.#options.clock.now();
    this.#later(LOOK_MS, () => this.#look());
    this.#user.goOn(isNew);
  }

  #look(): void {
    if (this.#state !== 'held' && this.#state !== 'ending') return;
    const { wantsTurn, usesTurn } = this.#user;
    const heldMs = this.#options.clock.now() - this.#heldSince;
    if (heldMs >= SLICE_MS || (!wantsTurn && !usesTurn)) this.#state = 'ending';
    const isOver = !usesTurn || heldMs >= SLICE_MS + LONGEST_END_MS;
    if (this.#state === 'ending' && isOver) void this.#pass();
    else this.#later(LOOK_MS, () => this.#look());
  }

  async #pass(): Promise<void> {
    const { keeper } = this.#options;
    this.#state = 'passing';
    const isWanted = this.#user.wantsTurn;
    const reply = await keeper.pass(this.#request, isWanted).catch(() => 'passed' as const);
    if (reply === 'kept') {
      this.#hold(false);
      return;
    }
    this.#state = 'none';
    if (this.#user.wantsTurn) this.want();
  }

  #later(ms: number, step: () => void): void {
    this.#options.clock.schedule(ms, step, { background: true });
  }
}
