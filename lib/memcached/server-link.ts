import { StoreRefusedError } from '../errors/index.js';
import { AskedTooLateError } from '../store/asked-too-late.js';
import type { Cancel, Clock } from '../store/clock.js';
import { Call, type AnyCall, type Question } from './call.js';
import { MemcachedConnection, openConnection, type Message } from './memcached-connection.js';
import type { ServerAddress } from './server-address.js';
import {
  answersToQuestions,
  checkServer,
  questions,
  type ServerSettings,
} from './server-checks.js';
import { nothingWritten, unavailable } from './unavailable.js';

const connectTimeoutMs = 5_000;

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
  readonly name: string;
  readonly #options: ServerLinkOptions;
  #unsent: AnyCall[] = [];
  /** Sent and not answered, and some that are answered already. */
  #sent: AnyCall[] = [];
  /** How many are not answered. */
  #open = 0;
  #connection: MemcachedConnection | undefined;
  #isFlushDue = false;
  #isConnecting = false;
  #settings: ServerSettings | undefined;
  #watch: { readonly at: number; readonly cancel: Cancel } | undefined;
  #isClosed = false;
  #whenIdle: (() => void)[] = [];

  constructor(options: ServerLinkOptions) {
    this.#options = options;
    this.name = options.address.name;
  }

  /** Whether the server may forget what it holds, as it said when it was reached last. */
  get evicts(): boolean {
    return this.#settings?.evicts === true;
  }

  /** The largest item in bytes, as it said when it was reached last. */
  get itemSizeMax(): number | undefined {
    return this.#settings?.itemSizeMax;
  }

  /** @throws StoreUnavailableError, CommitReplyLostError, StoreRefusedError */
  ask<T>(question: Question<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#isClosed) {
        reject(unavailable(this.name, 'is not asked any more: the store is closed'));
        return;
      }
      // A tick asked for among promise callbacks comes when all of them are done: the end of the turn.
      if (!this.#isFlushDue) process.nextTick(this.#flush);
      this.#isFlushDue = true;
      this.#open++;
      this.#unsent.push(new Call(question, this, resolve, reject));
    });
  }

  /** A call has come to its end. */
  settled(): void {
    this.#open--;
    if (this.#open > 0 || !this.#isClosed) return;
    for (const idle of this.#whenIdle.splice(0)) idle();
  }

  /** Lets what was asked be answered; then disconnects. */
  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#open > 0) await new Promise<void>((idle) => this.#whenIdle.push(idle));
    this.#watch?.cancel();
    this.#connection?.close();
    this.#connection = undefined;
  }

  readonly #flush = (): void => {
    this.#isFlushDue = false;
    this.#wakeFor(this.#unsent);
    if (this.#connection?.isOpen) this.#send(this.#connection);
    else if (!this.#isConnecting) void this.#connect();
  };

  #send(connection: MemcachedConnection): void {
    const now = this.#options.clock.now();
    const messages = this.#takeUnsent().filter((call) => {
      if (call.until > now) return call.goesOver(connection);
      const what = `Memcached at ${this.name} was not asked: the time was over before.`;
      call.reject(new AskedTooLateError(`${what} ${nothingWritten}`));
      return false;
    });
    if (this.#sent.length > 2 * this.#open) this.#sent = this.#sent.filter(isOpen);
    for (const call of messages) this.#sent.push(call);
    connection.send(messages);
  }

  #takeUnsent(): AnyCall[] {
    const calls = this.#unsent;
    this.#unsent = [];
    return calls.filter(isOpen);
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
      this.#use(connection);
    } catch (error) {
      this.#refuse(error);
    } finally {
      cancel();
      this.#isConnecting = false;
    }
  }

  #use(connection: MemcachedConnection): void {
    if (this.#isClosed && this.#open === 0) {
      connection.close();
      return;
    }
    this.#connection = connection;
    this.#send(connection);
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
    const what = `could not be reached: ${message}. Start it, or correct \`servers\``;
    for (const call of this.#takeUnsent()) {
      const isRefused = cause instanceof StoreRefusedError;
      call.reject(isRefused ? new StoreRefusedError(message) : unavailable(this.name, what, cause));
    }
  }

  /** Looks again when the first of these is over, unless it does before. */
  #wakeFor(calls: readonly AnyCall[]): void {
    let at = Number.POSITIVE_INFINITY;
    for (const { until } of calls) if (until < at) at = until;
    if (at === Number.POSITIVE_INFINITY || (this.#watch !== undefined && this.#watch.at <= at))
      return;
    this.#watch?.cancel();
    const { clock } = this.#options;
    const delayMs = Math.max(0, Math.ceil(at - clock.now()));
    const cancel = clock.schedule(delayMs, this.#expire, { background: true });
    this.#watch = { at, cancel };
  }

  readonly #expire = (): void => {
    this.#watch = undefined;
    const now = this.#options.clock.now();
    for (const call of [...this.#sent, ...this.#unsent]) {
      if (call.until <= now) call.giveUp();
    }
    this.#sent = this.#sent.filter(isOpen);
    this.#unsent = this.#unsent.filter(isOpen);
    this.#wakeFor(this.#sent);
    this.#wakeFor(this.#unsent);
  };
}

function isOpen(call: AnyCall): boolean {
  return !call.isSettled;
}
