import { StoreRefusedError, StoreUnavailableError } from '../errors/index.js';
import { AskedTooLateError } from '../store/asked-too-late.js';
import type { Cancel, Clock } from '../store/clock.js';
import { CommitReplyLostError } from '../store/versioned-store.js';
import type { Call, Question } from './call.js';
import { openConnection, type MemcachedConnection, type Message } from './memcached-connection.js';
import type { ServerAddress } from './server-address.js';
import {
  answersToQuestions,
  checkServer,
  questions,
  type ServerSettings,
} from './server-checks.js';

const connectTimeoutMs = 5_000;
const nothingWritten = 'Nothing was written.';

export interface ServerLinkOptions {
  readonly address: ServerAddress;
  readonly allowEviction: boolean;
  readonly clock: Clock;
}

/**
 * One server, over one connection at a time. What is asked in one turn of the event loop leaves in one
 * write; nothing is ever sent twice.
 */
export class ServerLink {
  readonly #options: ServerLinkOptions;
  /** All that are not answered. */
  readonly #calls = new Set<Call>();
  /** Those of them that have not been sent. */
  #unsent: Call[] = [];
  #connection: MemcachedConnection | undefined;
  #isConnecting = false;
  #settings: ServerSettings | undefined;
  #watch: { readonly at: number; readonly cancel: Cancel } | undefined;
  #isClosed = false;
  #whenIdle: (() => void)[] = [];

  constructor(options: ServerLinkOptions) {
    this.#options = options;
  }

  get name(): string {
    return this.#options.address.name;
  }

  /** What the server said of itself last; undefined before it was reached. */
  get settings(): ServerSettings | undefined {
    return this.#settings;
  }

  /** @throws StoreUnavailableError, CommitReplyLostError, and what the question throws. */
  ask<T>(question: Question<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#isClosed) {
        reject(this.#unavailable('is not asked any more: the store is closed'));
        return;
      }
      const call: Call = { ...question, resolve: resolve as (answer: unknown) => void, reject };
      // A tick asked for among promise callbacks comes when all of them are done: the end of the turn.
      if (this.#unsent.length === 0) process.nextTick(this.#flush);
      this.#unsent.push(call);
      this.#calls.add(call);
    });
  }

  /** Lets what was asked be answered; then disconnects. */
  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#calls.size > 0) await new Promise<void>((idle) => this.#whenIdle.push(idle));
    this.#connection?.close();
    this.#connection = undefined;
  }

  readonly #flush = (): void => {
    this.#wakeAt(Math.min(...this.#unsent.map(({ until }) => until)));
    if (this.#connection?.isOpen) this.#send(this.#connection);
    else if (!this.#isConnecting) void this.#connect();
  };

  #send(connection: MemcachedConnection): void {
    const now = this.#options.clock.now();
    const messages: Message[] = [];
    const calls = this.#unsent;
    this.#unsent = [];
    for (const call of calls) {
      if (call.until <= now) {
        const what = `Memcached at ${this.name} was not asked: the time was over before.`;
        this.#settle(call)?.reject(new AskedTooLateError(`${what} ${nothingWritten}`));
      } else if (call.on !== undefined && call.on.connection !== connection) {
        this.#settle(call)?.resolve(call.on.otherwise);
      } else {
        messages.push(this.#messageOf(call, connection));
      }
    }
    connection.send(messages);
  }

  #messageOf(call: Call, connection: MemcachedConnection): Message {
    call.sentOn = connection;
    return {
      text: call.text,
      replies: call.replies,
      answered: (replies) => {
        if (this.#settle(call) === undefined) return;
        try {
          call.resolve(call.read(replies, connection));
        } catch (error) {
          call.reject(error);
        }
      },
      lost: (cause) => this.#settle(call)?.reject(this.#lost(call, cause)),
    };
  }

  #lost(call: Call, cause: Error): Error {
    if (!call.writes) return this.#unavailable(`did not answer: ${cause.message}`, cause);
    return new CommitReplyLostError(
      `Memcached at ${this.name} was sent a write and did not answer: ${cause.message}.`,
      { cause },
    );
  }

  async #connect(): Promise<void> {
    this.#isConnecting = true;
    const { clock, address } = this.#options;
    const time = new AbortController();
    const cancel = clock.schedule(connectTimeoutMs, () => time.abort(), { background: true });
    try {
      const connection = await openConnection(address, time.signal);
      time.signal.addEventListener('abort', () =>
        connection.cut(new Error('it did not answer when it was asked for its settings')),
      );
      this.#settings = await this.#check(connection);
      if (this.#isClosed && this.#calls.size === 0) return connection.close();
      this.#connection = connection;
      this.#send(connection);
    } catch (error) {
      this.#refuse(error);
    } finally {
      cancel();
      this.#isConnecting = false;
    }
  }

  async #check(connection: MemcachedConnection): Promise<ServerSettings> {
    const { allowEviction } = this.#options;
    try {
      return await new Promise<ServerSettings>((resolve, reject) => {
        const answered: Message['answered'] = (replies) => {
          try {
            resolve(checkServer(this.name, replies, allowEviction));
          } catch (error) {
            reject(error);
          }
        };
        const message = { text: questions, replies: answersToQuestions, answered, lost: reject };
        connection.send([message]);
      });
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  /** Whoever waits for a connection hears why there is none. */
  #refuse(cause: unknown): void {
    const { message } = cause as Error;
    const calls = this.#unsent;
    this.#unsent = [];
    for (const call of calls) {
      const reason =
        cause instanceof StoreRefusedError
          ? new StoreRefusedError(message)
          : this.#unavailable(
              `could not be reached: ${message}. Start it, or correct \`servers\``,
              cause,
            );
      this.#settle(call)?.reject(reason);
    }
  }

  /** The call, for the first one to settle it. */
  #settle(call: Call): Call | undefined {
    if (!this.#calls.delete(call)) return undefined;
    if (this.#calls.size === 0) {
      for (const idle of this.#whenIdle.splice(0)) idle();
    }
    return call;
  }

  /** Gives up what is over and looks again when the next one is. */
  readonly #expire = (): void => {
    const now = this.#options.clock.now();
    let next = Number.POSITIVE_INFINITY;
    for (const call of this.#calls) {
      if (call.until <= now) this.#giveUp(call);
      else if (call.until < next) next = call.until;
    }
    this.#unsent = this.#unsent.filter((call) => this.#calls.has(call));
    this.#watch = undefined;
    this.#wakeAt(next);
  };

  #giveUp(call: Call): void {
    if (this.#settle(call) === undefined) return;
    const { sentOn, writes } = call;
    const cause = new Error('the time was over');
    if (sentOn === undefined) {
      call.reject(this.#unavailable('could not be reached before the time was over'));
      return;
    }
    call.reject(this.#lost(call, cause));
    if (writes) sentOn.cut(cause);
  }

  #wakeAt(at: number): void {
    if (at === Number.POSITIVE_INFINITY || (this.#watch !== undefined && this.#watch.at <= at))
      return;
    this.#watch?.cancel();
    const delayMs = Math.max(0, Math.ceil(at - this.#options.clock.now()));
    const cancel = this.#options.clock.schedule(delayMs, this.#expire, { background: true });
    this.#watch = { at, cancel };
  }

  #unavailable(what: string, cause?: unknown): StoreUnavailableError {
    const message = `Memcached at ${this.name} ${what}. ${nothingWritten}`;
    return new StoreUnavailableError(message, cause === undefined ? undefined : { cause });
  }
}
