import type { ConnectionOptions } from 'node:tls';
import client, { type CacheClient } from 'apache-ignite-client';
import { StoreRefusedError, StoreUnavailableError } from '../errors/index.js';
import { messageOf } from '../errors/message-of.js';
import { pause, type Clock } from '../store/clock.js';
import { CommitReplyLostError } from '../store/versioned-store.js';
import { openCache } from './cache-settings.js';
import type { IgniteOptions } from './ignite-options.js';
import { isRefusal, isServerError, refusalOf } from './server-answers.js';

/** A connection that owes an answer for so long is given up. */
const SILENCE_MS = 2000;
/** Between two rounds over all endpoints. */
const RECONNECT_DELAY_MS = 50;
const DEFAULT_CACHE = 'dtx';

/** One connection to one node, and its end. */
interface Connection {
  readonly cache: CacheClient;
  readonly endpoint: string;
  /** Ends its socket at once. The client's own `disconnect` sends what it still holds first. */
  readonly socket: AbortController;
  isOver: boolean;
}

class TimeOverError extends Error {}

/**
 * The connection to some node of the cluster; to the next one where that is lost. The client has no time limits, and
 * reconnects by itself to wherever: here each connection is a client of its own, that is left for good.
 */
export class IgniteLink {
  readonly #options: IgniteOptions;
  readonly #clock: Clock;
  #connection: Connection | undefined;
  #connecting: Promise<Connection> | undefined;
  readonly #asked = new Set<Promise<unknown>>();
  #next = 0;
  #isClosed = false;

  constructor(options: IgniteOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  /** @throws StoreUnavailableError, StoreRefusedError */
  async open(until: number): Promise<void> {
    await this.#connected(until);
  }

  /** May be repeated, and is, until it is answered or time is over. */
  read<T>(until: number, ask: (cache: CacheClient) => Promise<T>): Promise<T> {
    return this.#track(() =>
      this.#ask(until, ask, (error) => {
        if (isServerError(error)) return refusalOf(error);
        const isOver = this.#clock.now() >= until;
        return isOver ? this.#unavailable('did not answer in time', error) : undefined;
      }),
    );
  }

  /** @throws CommitReplyLostError once it was sent and is not answered; then it is not known. */
  write<T>(until: number, ask: (cache: CacheClient) => Promise<T>): Promise<T> {
    return this.#track(() =>
      this.#ask(until, ask, (error, { endpoint }) => {
        if (isServerError(error) && isRefusal(error)) return refusalOf(error);
        // The connection had ended before, and nothing was sent.
        if (error instanceof client.Errors.IllegalStateError) return undefined;
        return new CommitReplyLostError(`Ignite at ${endpoint}: ${messageOf(error)}`, {
          cause: error,
        });
      }),
    );
  }

  /** What was asked before the end is answered before it. */
  async #track<T>(work: () => Promise<T>): Promise<T> {
    if (this.#isClosed) throw this.#unavailable('is closed');
    const working = work();
    this.#asked.add(working);
    try {
      return await working;
    } finally {
      this.#asked.delete(working);
    }
  }

  /** @param failureOf What an error means; undefined where it is to be asked again. */
  async #ask<T>(
    until: number,
    ask: (cache: CacheClient) => Promise<T>,
    failureOf: (error: unknown, connection: Connection) => Error | undefined,
  ): Promise<T> {
    for (;;) {
      const connection = await this.#connected(until);
      try {
        return await this.#answered(connection, until, ask);
      } catch (error) {
        if (error instanceof StoreUnavailableError) throw error;
        if (!isServerError(error)) this.#leave(connection);
        const failure = failureOf(error, connection);
        if (failure !== undefined) throw failure;
      }
    }
  }

  /** Goes through much, and may take until time is over; what is cut short has to be begun anew. */
  async scan(until: number, ask: (cache: CacheClient) => Promise<void>): Promise<void> {
    const connection = await this.#connected(until);
    const leftMs = Math.max(until - this.#clock.now(), 0);
    try {
      await this.#within(leftMs, ask(connection.cache));
    } catch (error) {
      if (!(error instanceof TimeOverError)) throw this.#unavailable('was not scanned', error);
    }
  }

  /** Lets what was sent be answered. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.allSettled([...this.#asked, this.#connecting]);
    if (this.#connection !== undefined) this.#leave(this.#connection);
  }

  #leave(connection: Connection): void {
    connection.isOver = true;
    if (this.#connection === connection) this.#connection = undefined;
    connection.socket.abort();
  }

  async #answered<T>(
    connection: Connection,
    until: number,
    ask: (cache: CacheClient) => Promise<T>,
  ): Promise<T> {
    const leftMs = until - this.#clock.now();
    if (leftMs <= 0) throw this.#unavailable('was not asked: the time was over before');
    return this.#within(Math.min(leftMs, SILENCE_MS), ask(connection.cache));
  }

  /** @throws TimeOverError */
  #within<T>(ms: number, asking: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const cancel = this.#clock.schedule(
        ms,
        () => reject(new TimeOverError(`No answer within ${Math.ceil(ms)} ms.`)),
        { background: true },
      );
      asking.then(
        (value) => {
          cancel();
          resolve(value);
        },
        (error: unknown) => {
          cancel();
          reject(error as Error);
        },
      );
    });
  }

  async #connected(until: number): Promise<Connection> {
    let failure: unknown;
    for (;;) {
      const current = this.#connection;
      if (current !== undefined && !current.isOver) return current;
      if (this.#isClosed && this.#connecting === undefined) throw this.#unavailable('is closed');
      const leftMs = until - this.#clock.now();
      if (leftMs <= 0) throw this.#unavailable('could not be reached', failure);
      this.#connecting ??= this.#connect().finally(() => {
        this.#connecting = undefined;
      });
      try {
        return await this.#within(leftMs, this.#connecting);
      } catch (error) {
        if (error instanceof StoreRefusedError) throw error;
        failure = error;
        await pause(this.#clock, Math.min(RECONNECT_DELAY_MS, leftMs));
      }
    }
  }

  /** To one endpoint after the other; each time begins with another one. */
  async #connect(): Promise<Connection> {
    const { endpoints } = this.#options;
    const failures: string[] = [];
    for (let nth = 0; nth < endpoints.length; nth++) {
      const endpoint = endpoints[this.#next++ % endpoints.length]!;
      try {
        return await this.#connectTo(endpoint);
      } catch (error) {
        if (error instanceof StoreRefusedError) throw error;
        // Of the cluster, not of this node: no other one would say otherwise.
        if (isServerError(error) && isRefusal(error)) throw refusalOf(error);
        failures.push(`${endpoint}: ${messageOf(error)}`);
      }
    }
    throw new Error(failures.join('; '));
  }

  async #connectTo(endpoint: string): Promise<Connection> {
    let connection: Connection | undefined;
    const socket = new AbortController();
    const ignite = new client(() => {
      if (connection !== undefined && !connection.isOver) this.#leave(connection);
    });
    try {
      const configuration = this.#configurationFor(endpoint, socket.signal);
      await this.#within(SILENCE_MS, ignite.connect(configuration));
      const { cache = DEFAULT_CACHE, backups = 1 } = this.#options;
      const opened = await this.#within(5 * SILENCE_MS, openCache(ignite, cache, backups));
      connection = { cache: opened, endpoint, socket, isOver: false };
    } catch (error) {
      socket.abort();
      throw error;
    }
    this.#connection = connection;
    return connection;
  }

  #configurationFor(
    endpoint: string,
    signal: AbortSignal,
  ): InstanceType<typeof client.IgniteClientConfiguration> {
    const { username, password, tls } = this.#options;
    const configuration = new client.IgniteClientConfiguration(endpoint);
    if (username !== undefined) configuration.setUserName(username).setPassword(password ?? '');
    return configuration.setConnectionOptions(tls !== undefined, forOneSocket(tls, signal));
  }

  #unavailable(what: string, cause?: unknown): StoreUnavailableError {
    const why = cause === undefined ? '' : `: ${messageOf(cause)}`;
    return new StoreUnavailableError(
      `Ignite (${this.#options.endpoints.join(', ')}) ${what}${why}. Check that a node runs and its client ` +
        'connector listens there.',
      { cause },
    );
  }
}

/**
 * Options of one socket, which `signal` ends. The client reads them anew for each that it opens, the one after a loss
 * too: that one fails here, as nobody would own it.
 */
function forOneSocket(options: ConnectionOptions | undefined, signal: AbortSignal): object {
  let isOpened = false;
  return {
    ...options,
    get signal(): AbortSignal {
      if (isOpened) throw new Error('The connection has ended');
      isOpened = true;
      return signal;
    },
  };
}
