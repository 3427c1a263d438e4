import type { Redis } from 'ioredis';
import type { Cancel, Clock } from '../clock.js';
import type { EncodedCommand } from './encoded-command.js';

export interface NodeConnectionOptions {
  readonly clock: Clock;
  /** How long a reply may take, in milliseconds; a connection that takes longer is given up. */
  readonly commandTimeoutMs: number;
  readonly giveUp: () => void;
  /**
   * Whether the commands of one turn leave in one write. On a cluster most of them are for a slot of
   * their own; to one server few go, and it works on the first while the next is made ready.
   */
  readonly pipelined: boolean;
}

/** What to do after an error, if anything. */
export type Instead = (error: unknown) => Promise<unknown> | undefined;

/** A connection fallen silent is found at most a quarter of `commandTimeoutMs` late. */
const CHECKS = 4;

/** A timer that keeps no process alive; those of the client do, and cost three times as much. */
export const IN_BACKGROUND = { background: true } as const;

/** Our connection to one server. */
export class NodeConnection {
  readonly #options: NodeConnectionOptions;
  #isCorked = false;
  #sent = 0;
  #answered = 0;
  /** How much had been sent at the latest checks; replies come in the order of their commands. */
  #marks: number[] = [];
  #check: Cancel | undefined;

  constructor(
    readonly redis: Redis,
    options: NodeConnectionOptions,
  ) {
    this.#options = options;
  }

  get ready(): boolean {
    return this.redis.status === 'ready';
  }

  /** @param instead Asked first when the command is answered with an error. */
  execute(command: EncodedCommand, instead: Instead): Promise<unknown> {
    if (this.#options.pipelined && this.ready) this.#cork();
    this.redis.sendCommand(command);
    this.#sent++;
    if (this.#check === undefined) this.#checkLater();
    return command.promise.then(
      (value) => {
        this.#answered++;
        return value;
      },
      (error: unknown) => {
        this.#answered++;
        const other = instead(error);
        if (other !== undefined) return other;
        throw error;
      },
    );
  }

  #cork(): void {
    if (this.#isCorked) return;
    this.#isCorked = true;
    const { stream } = this.redis;
    stream.cork();
    process.nextTick(() => {
      this.#isCorked = false;
      stream.uncork();
    });
  }

  #checkLater(): void {
    const { clock, commandTimeoutMs } = this.#options;
    this.#marks.push(this.#sent);
    this.#check = clock.schedule(commandTimeoutMs / CHECKS, this.#checkNow, IN_BACKGROUND);
  }

  readonly #checkNow = (): void => {
    this.#check = undefined;
    const isSilent = this.#marks.length >= CHECKS && this.#answered < this.#marks.shift()!;
    if (isSilent || this.#answered === this.#sent) this.#marks = [];
    if (isSilent) this.#options.giveUp();
    else if (this.#answered < this.#sent) this.#checkLater();
  };
}
