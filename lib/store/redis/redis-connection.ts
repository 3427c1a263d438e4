import { Redis } from 'ioredis';
import { StoreRefusedError, StoreUnavailableError } from '../../errors/index.js';
import type { Clock } from '../clock.js';
import { EncodedCommand } from './encoded-command.js';
import { isCluster, type RedisClient } from './redis-client.js';
import { messageOf, withoutArguments } from './redis-errors.js';

/** A timer that keeps no process alive; those of the client do, and cost three times as much. */
const IN_BACKGROUND = { background: true } as const;

const REFUSED_LOGIN = /WRONGPASS|NOAUTH|NOPERM|ERR AUTH|invalid password|invalid username/i;

/** Our own connection to one server or cluster. Never queues, never sends anything twice. */
export class RedisConnection {
  readonly #client: RedisClient;
  readonly #clock: Clock;
  readonly #commandTimeoutMs: number;
  #lastError: Error | undefined;
  #opened = false;
  readonly #waiting = new Set<() => void>();

  constructor(client: RedisClient, clock: Clock, commandTimeoutMs: number) {
    this.#client = client;
    this.#clock = clock;
    this.#commandTimeoutMs = commandTimeoutMs;
    client.on('error', (error: Error) => {
      this.#lastError = withoutArguments(error);
      this.#wake();
    });
    client.on('ready', () => this.#wake());
  }

  get isCluster(): boolean {
    return isCluster(this.#client);
  }

  get ready(): boolean {
    return this.#client.status === 'ready';
  }

  /** Calls `listener` each time the connection has become usable. */
  onReady(listener: () => void): void {
    this.#client.on('ready', listener);
  }

  /**
   * Resolves when the server answers.
   * @throws StoreRefusedError for a refused login, StoreUnavailableError when `until` passes.
   */
  async open(until: number): Promise<void> {
    this.connectInBackground();
    while (!this.ready) {
      const error = this.#lastError;
      if (error && REFUSED_LOGIN.test(error.message)) {
        throw new StoreRefusedError(
          `Redis refused the login: ${error.message} Check the user name and password of the connection.`,
          { cause: error },
        );
      }
      const left = until - this.#clock.now();
      if (left <= 0) throw this.unavailable('did not become ready in time');
      await this.changed(left);
    }
  }

  connectInBackground(): void {
    if (this.#opened) return;
    this.#opened = true;
    // The error event tells the reason; the connection goes on trying by itself.
    this.#client.connect().catch(() => this.#wake());
  }

  /** Resolves when something happened to the connection, or after `atMostMs`. */
  changed(atMostMs: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        cancel();
        this.#waiting.delete(wake);
        resolve();
      };
      const cancel = this.#clock.schedule(atMostMs, wake);
      this.#waiting.add(wake);
    });
  }

  /** A command that is not answered in time takes its connection with it. */
  execute(command: string, args: readonly string[]): Promise<unknown> {
    const answered = this.#clock.schedule(this.#commandTimeoutMs, this.#giveUp, IN_BACKGROUND);
    return this.#send(command, args).then(
      (reply) => {
        answered();
        return reply;
      },
      (error: unknown) => {
        answered();
        this.noteError(error);
        throw error;
      },
    );
  }

  #send(command: string, args: readonly string[]): Promise<unknown> {
    const client = this.#client;
    if (!(client instanceof Redis)) return client.call(command, args as string[]);
    const encoded = new EncodedCommand(command, args);
    client.sendCommand(encoded);
    return encoded.promise;
  }

  /** One that is read-only is no master any more; a fresh connection may find the new one. */
  noteError(error: unknown): void {
    if (messageOf(error).startsWith('READONLY')) this.#giveUp();
  }

  /** The answers of all masters; of the only server where there is no cluster. */
  async executeOnMasters(command: string, args: readonly string[]): Promise<string[]> {
    const nodes = isCluster(this.#client) ? this.#client.nodes('master') : [this.#client];
    return Promise.all(
      nodes.map(async (node) => {
        if (isCluster(this.#client) && node.status === 'wait') await node.connect();
        return String(await node.call(command, args as string[]));
      }),
    );
  }

  unavailable(what: string): StoreUnavailableError {
    const reason = this.#lastError ? ` Last error: ${this.#lastError.message}` : '';
    return new StoreUnavailableError(
      `Redis ${what}. Nothing of the transaction was written.${reason}`,
      { cause: this.#lastError },
    );
  }

  async close(): Promise<void> {
    if (this.ready) await this.#client.quit().catch(() => undefined);
    // On a client that has ended already it would leave a timer behind.
    if (this.#client.status !== 'end') this.#client.disconnect();
    this.#wake();
  }

  /** A peer that is silent but connected would stay so; what was sent to it may have happened. */
  readonly #giveUp = (): void => {
    if (!isCluster(this.#client)) this.#client.disconnect(true);
  };

  #wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }
}
