import { CommitReplyLostError } from '../store/versioned-store.js';
import { refusalOf } from './commands.js';
import type { MemcachedConnection, Message, Reply } from './memcached-connection.js';
import { unavailable } from './unavailable.js';

/** What is asked of one server. */
export interface Question<T> {
  /** What it is about, for messages. */
  readonly key: string;
  /** Its commands, each with its end of line. */
  readonly text: string;
  /** How many replies they get. */
  readonly replies: number;
  /** In local monotonic milliseconds. */
  readonly until: number;
  /** A lost reply leaves open whether something was written. */
  readonly writes: boolean;
  /** The one connection that it means anything on, and the answer where that is gone. */
  readonly on?: { readonly connection: MemcachedConnection; readonly otherwise: T };
  /** Reads the replies; what it throws is what the caller gets. */
  readonly read: (replies: readonly Reply[], connection: MemcachedConnection) => T;
}

/** What a call knows of the server that it goes to. */
export interface CallTarget {
  readonly name: string;
  readonly itemSizeMax: number | undefined;
  /** Told once of each call. */
  settled(): void;
}

/** A call, whatever it is answered. */
export type AnyCall = Omit<Call<unknown>, 'question'>;

/** A question that is on its way, and whoever waits for it. */
export class Call<T> implements Message {
  readonly question: Question<T>;
  readonly #target: CallTarget;
  readonly #resolve: (answer: T) => void;
  readonly #reject: (error: unknown) => void;
  #isSettled = false;
  #sentOn: MemcachedConnection | undefined;

  // oxlint-disable-next-line max-params -- made for each question, where an object more would cost
  constructor(
    question: Question<T>,
    target: CallTarget,
    resolve: (answer: T) => void,
    reject: (error: unknown) => void,
  ) {
    this.question = question;
    this.#target = target;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  get text(): string {
    return this.question.text;
  }

  get replies(): number {
    return this.question.replies;
  }

  get until(): number {
    return this.question.until;
  }

  get isSettled(): boolean {
    return this.#isSettled;
  }

  /** Whether it is to be sent there; answers it where it would mean nothing. */
  goesOver(connection: MemcachedConnection): boolean {
    const { on } = this.question;
    if (on === undefined || on.connection === connection) {
      this.#sentOn = connection;
      return true;
    }
    if (this.#settle()) this.#resolve(on.otherwise);
    return false;
  }

  reject(error: unknown): void {
    if (this.#settle()) this.#reject(error);
  }

  answered(replies: readonly Reply[]): void {
    if (!this.#settle()) return;
    try {
      this.#resolve(this.question.read(replies, this.#sentOn!));
    } catch (error) {
      const { name, itemSizeMax } = this.#target;
      this.#reject(refusalOf(error, { server: name, key: this.question.key, itemSizeMax }));
    }
  }

  lost(cause: Error): void {
    this.reject(this.#lossBy(cause));
  }

  /** Its time is over. What may still write must not: its connection ends. */
  giveUp(): void {
    if (this.#isSettled) return;
    const connection = this.#sentOn;
    if (connection === undefined) {
      const what = 'could not be reached before the time was over';
      this.reject(unavailable(this.#target.name, what));
      return;
    }
    const cause = new Error('the time was over');
    this.lost(cause);
    if (this.question.writes) connection.cut(cause);
  }

  #lossBy(cause: Error): Error {
    const { name } = this.#target;
    if (!this.question.writes) return unavailable(name, `did not answer: ${cause.message}`, cause);
    return new CommitReplyLostError(
      `Memcached at ${name} was sent a write and did not answer: ${cause.message}.`,
      { cause },
    );
  }

  /** Whether this is the first end of it. */
  #settle(): boolean {
    if (this.#isSettled) return false;
    this.#isSettled = true;
    this.#target.settled();
    return true;
  }
}
