import type { Clock } from '../clock.js';
import type { TurnKeeper, TurnReply, TurnRequest } from '../turn-keeper.js';

interface Turn {
  readonly holder: string;
  readonly until: number;
}

/** The turn of all applications that share an embedded store. */
export class EmbeddedTurnKeeper implements TurnKeeper {
  readonly #clock: Clock;
  #turn: Turn | undefined;
  #queue: string[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  take({ process, leaseMs }: TurnRequest): Promise<TurnReply> {
    const holder = this.#holder();
    if (holder === undefined || holder === process) {
      this.#hold(process, leaseMs);
      return Promise.resolve('taken');
    }
    if (!this.#queue.includes(process)) this.#queue.push(process);
    return Promise.resolve(this.#queue[0] === process ? 'next' : 'waiting');
  }

  pass({ process, leaseMs, graceMs }: TurnRequest, isWanted: boolean): Promise<'kept' | 'passed'> {
    if (this.#holder() !== process) return Promise.resolve('passed');
    const next = this.#queue.shift();
    if (next === undefined && isWanted) {
      this.#hold(process, leaseMs);
      return Promise.resolve('kept');
    }
    if (next === undefined) this.#turn = undefined;
    else this.#hold(next, graceMs);
    return Promise.resolve('passed');
  }

  #hold(holder: string, ms: number): void {
    this.#turn = { holder, until: this.#clock.now() + ms };
  }

  /** A turn that is over leaves no queue, which may be one of the dead. */
  #holder(): string | undefined {
    if (this.#turn !== undefined && this.#clock.now() < this.#turn.until) return this.#turn.holder;
    this.#turn = undefined;
    this.#queue = [];
    return undefined;
  }
}
