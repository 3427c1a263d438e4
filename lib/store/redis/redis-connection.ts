import { StoreRefusedError, StoreUnavailableError } from '../../errors/index.js';
import type { Clock } from '../clock.js';
import { isCluster, type RedisClient } from './redis-client.js';
import { messageOf, withoutArguments } from './redis-errors.js';

const REFUSED_LOGIN = /WRONGPASS|NOAUTH|NOPERM|ERR AUTH|invalid password|invalid username/i;

/** Our own connection to one server or cluster. Never queues, never sends anything twice. */
export class RedisConnection {
  readonly #client: RedisClient;
  readonly #clock: Clock;
  #lastError: Error | undefined;
  #opened = false;
  readonly #waiting = new Set<() => void>();

  constructor(client: RedisClient, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
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

  async execute(command: string, args: readonly string[]): Promise<unknown> {
    try {
      return await this.#client.call(command, args as string[]);
    } catch (error) {
      this.noteError(error);
      throw error;
    }
  }

  /**
   * A peer that is silent but connected would stay so, and one that is read-only is no master any more:
   * a fresh connection finds out, through Sentinel where there is one.
   */
  noteError(error: unknown): void {
    const message = messageOf(error);
    const suspect = message === 'Command timed out' || message.startsWith('READONLY');
    if (suspect && !isCluster(this.#client)) this.#client.disconnect(true);
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

  #wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }
}
