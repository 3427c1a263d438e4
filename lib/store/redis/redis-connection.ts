import { Redis } from 'ioredis';
import { StoreRefusedError, StoreUnavailableError } from '../../errors/index.js';
import { messageOf } from '../../errors/message-of.js';
import type { Cancel, Clock } from '../clock.js';
import { slotOf, tagOfSlot } from '../hash-slot.js';
import { addressOf, ClusterMasters } from './cluster-masters.js';
import { EncodedCommand } from './encoded-command.js';
import { IN_BACKGROUND, NodeConnection, type Instead } from './node-connection.js';
import { isCluster, type RedisClient } from './redis-client.js';
import {
  executionOf,
  isRedirection,
  isRefusedSelect,
  notSent,
  withoutArguments,
} from './redis-errors.js';

const nothing: Instead = () => undefined;

const REFUSED_LOGIN = /WRONGPASS|NOAUTH|NOPERM|ERR AUTH|invalid password|invalid username/i;

/** One server, and the socket over which it was spoken to. */
export interface Link {
  readonly node: Redis;
  readonly stream: Redis['stream'];
}

/** Our own connection to one server or cluster. Never queues, never sends anything twice. */
export class RedisConnection {
  readonly #client: RedisClient;
  readonly #clock: Clock;
  readonly #commandTimeoutMs: number;
  /** The only server, where its client is of our own copy of the package. */
  readonly #server: NodeConnection | undefined;
  readonly #masters: ClusterMasters | undefined;
  #lastError: Error | undefined;
  /** Why the connection under way is not in the database that was asked for: the client uses 0 then. */
  #databaseRefusal: Error | undefined;
  #opened = false;
  #left: () => void = () => undefined;
  readonly #waiting = new Set<() => void>();
  /** Nodes of a cluster whose first connection is waited for, by all who need it. */
  readonly #connecting = new WeakMap<Redis, Promise<unknown>>();

  constructor(client: RedisClient, clock: Clock, commandTimeoutMs: number) {
    this.#client = client;
    this.#clock = clock;
    this.#commandTimeoutMs = commandTimeoutMs;
    const options = { clock, commandTimeoutMs };
    this.#server =
      client instanceof Redis
        ? new NodeConnection(client, { ...options, giveUp: this.#giveUp, pipelined: false })
        : undefined;
    this.#masters = isCluster(client) ? new ClusterMasters(client, options) : undefined;
    client.on('error', (error: Error) => {
      // What follows from it, as the connection is given up, says less.
      if (this.#databaseRefusal === undefined) this.#lastError = withoutArguments(error);
      if (isRefusedSelect(error)) {
        this.#databaseRefusal = this.#lastError;
        this.#giveUp();
      }
      this.#wake();
    });
    client.on('connect', () => (this.#databaseRefusal = undefined));
    client.on('ready', () => {
      if (this.#databaseRefusal !== undefined) return;
      this.#lastError = undefined;
      this.#wake();
    });
    if (!isCluster(client)) this.#watchHandshake(client);
  }

  /** A server that is paused still accepts connections, and never says a word. */
  #watchHandshake(client: Redis): void {
    let greeted: Cancel = () => undefined;
    client.on('connect', () => {
      greeted();
      greeted = this.#clock.schedule(this.#commandTimeoutMs, this.#giveUp, IN_BACKGROUND);
    });
    for (const event of ['ready', 'close', 'end']) client.on(event, () => greeted());
  }

  get isCluster(): boolean {
    return isCluster(this.#client);
  }

  get ready(): boolean {
    return this.#client.status === 'ready' && this.#databaseRefusal === undefined;
  }

  /** Calls `listener` each time the connection has become usable. */
  onReady(listener: () => void): void {
    this.#client.on('ready', listener);
  }

  /**
   * Resolves when the server answers.
   * @throws StoreRefusedError for a refused login or database, StoreUnavailableError when `until` passes.
   */
  async open(until: number): Promise<void> {
    this.connectInBackground();
    while (!this.ready) {
      const refusal = this.#databaseRefusal;
      if (refusal && executionOf(refusal) !== 'not-executed') throw this.#refusedDatabase(refusal);
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

  #refusedDatabase(cause: Error): StoreRefusedError {
    const { options } = this.#client as Redis;
    return new StoreRefusedError(
      `Redis refused database ${options.db} (command select): ${cause.message}. Choose one that the server has, ` +
        'and that the user may select.',
      { cause },
    );
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

  /**
   * A command that is not answered in time takes its connection with it.
   *
   * @param key One of its keys, all of which lie on one node.
   * @param instead What to do after an error that says that the command was not executed, if so.
   */
  execute(
    command: string,
    args: readonly string[],
    key = args[0] ?? '',
    instead: Instead = nothing,
  ): Promise<unknown> {
    if (this.#masters?.areOurs) {
      return this.#executeInCluster(this.#masters, EncodedCommand.of(command, args), key, instead);
    }
    if (this.#server === undefined) return this.#executeByClient(command, args, instead);
    const encoded = EncodedCommand.of(command, args);
    return this.#server.execute(encoded, (error) => this.#after(error, instead));
  }

  #executeInCluster(
    masters: ClusterMasters,
    command: EncodedCommand,
    key: string,
    instead: Instead,
  ): Promise<unknown> {
    const after: Instead = (error) =>
      isRedirection(error)
        ? this.#follow(masters, error, command.again(), instead)
        : this.#after(error, instead);
    const master = masters.ofKey(key);
    if (master !== undefined) return master.execute(command, after);
    return this.#connected(this.addressOf(key)).then((node) =>
      masters.connectionTo(node).execute(command, after),
    );
  }

  /** The client would do the same, but what falls silent there could not be told from the other nodes. */
  async #follow(
    masters: ClusterMasters,
    redirection: unknown,
    command: EncodedCommand,
    instead: Instead,
  ): Promise<unknown> {
    const asked = masters.connectionTo(await this.redirectedTo(redirection));
    asked.execute(EncodedCommand.of('ASKING', []), nothing).catch(() => undefined);
    return asked.execute(command, (error) => this.#after(error, instead));
  }

  #after(error: unknown, instead: Instead): Promise<unknown> | undefined {
    const other = instead(error);
    if (other === undefined) this.noteError(error);
    return other;
  }

  /** Where the client is another copy of the package. */
  #executeByClient(command: string, args: readonly string[], instead: Instead): Promise<unknown> {
    const reply = this.#client.call(command, args as string[]);
    return this.#inTime(reply, this.#giveUp).catch((error: unknown) => {
      const other = this.#after(error, instead);
      if (other !== undefined) return other;
      throw error;
    });
  }

  /** What does not end in time takes its connection with it. */
  #inTime<T>(work: Promise<T>, giveUp: () => void): Promise<T> {
    return work.finally(this.#clock.schedule(this.#commandTimeoutMs, giveUp, IN_BACKGROUND));
  }

  /**
   * One that is read-only is no master any more, and one that has lost its replicas may not know yet that
   * it is none; a fresh connection may find the new one.
   */
  noteError(error: unknown): void {
    const message = messageOf(error);
    const isAlone = message.startsWith('NOREPLICAS') && this.asksSentinels;
    if (isAlone || message.startsWith('READONLY')) this.leave();
  }

  /** Whether somebody else says who the master is. */
  protected get asksSentinels(): boolean {
    return !isCluster(this.#client) && Boolean(this.#client.options.sentinels?.length);
  }

  /** Looks for the master again. What was sent and not answered may have happened. */
  leave(): void {
    this.#giveUp();
    this.#left();
  }

  /** Calls `listener` each time the server is left since it may be no master any more. */
  onLeave(listener: () => void): void {
    this.#left = listener;
  }

  /** The connection to the master of a key. @throws an error that says that nothing was sent. */
  protected async masterOf(key: string): Promise<Redis> {
    if (this.#masters === undefined) return this.#client as Redis;
    return this.#masters.ofKey(key)?.redis ?? (await this.#connected(this.addressOf(key)));
  }

  /** The connection to the node that an answer names instead of the one that was asked. */
  protected async redirectedTo(error: unknown): Promise<Redis> {
    const [kind, , announced = ''] = messageOf(error).split(' ');
    if (kind === 'MOVED') this.#masters?.refresh();
    return this.#connected(this.#masters?.reachedAs(announced));
  }

  async #connected(address: string | undefined): Promise<Redis> {
    const node = address === undefined ? undefined : this.#masters?.nodeAt(address);
    if (node?.status === 'wait') {
      const connecting = this.#inTime(node.connect(), () => node.disconnect());
      this.#connecting.set(
        node,
        connecting.catch(() => undefined),
      );
    }
    if (node !== undefined) await this.#connecting.get(node);
    if (node?.status === 'ready') return node;
    this.#masters?.refresh();
    throw notSent(`there is no connection to ${address ?? 'the master of the key'}`);
  }

  /** Sends to one of the servers and to no other, whatever it answers. */
  protected sendTo(node: Redis, command: string, args: readonly string[]): Promise<unknown> {
    const connection = this.#masters?.connectionTo(node) ?? this.#server;
    if (connection === undefined) return this.#executeByClient(command, args, nothing);
    const encoded = EncodedCommand.of(command, args);
    return connection.execute(encoded, (error) => this.#after(error, nothing));
  }

  /** The tag of the slot of a key. */
  protected tagOf(key: string): string {
    return tagOfSlot(this.#masters === undefined ? 0 : slotOf(key));
  }

  /** The tag of a slot that lies on a server. @throws where it has none. */
  protected tagOn(node: Redis): string {
    return tagOfSlot(this.#masters === undefined ? 0 : this.#masters.slotOn(node));
  }

  /** The master of a key, to tell it from others; undefined where that is not known. */
  addressOf(key: string): string | undefined {
    return this.#masters === undefined ? '' : this.#masters.addressOf(key);
  }

  /** The answers of all masters; of the only server where there is no cluster. */
  async executeOnMasters(command: string, args: readonly string[]): Promise<string[]> {
    const masters = await this.executeOnEachMaster(command, args);
    return masters.map(({ reply }) => reply);
  }

  async executeOnEachMaster(
    command: string,
    args: readonly string[],
  ): Promise<readonly { readonly address: string; readonly reply: string }[]> {
    const client = this.#client;
    const masters = this.#masters;
    if (masters === undefined) {
      const answer = this.#inTime(client.call(command, args as string[]), this.#giveUp);
      return [{ address: '', reply: String(await answer) }];
    }
    return Promise.all(
      masters.all().map(async (node) => {
        const giveUp = (): void => node.disconnect();
        if (node.status === 'wait') await this.#inTime(node.connect(), giveUp);
        const reply = String(await this.#inTime(node.call(command, args as string[]), giveUp));
        return { address: addressOf(node), reply };
      }),
    );
  }

  /** @param consequence What is known for certain of what was to be done. */
  unavailable(what: string, consequence = ''): StoreUnavailableError {
    const reason = this.#lastError ? ` Last error: ${this.#lastError.message}` : '';
    return new StoreUnavailableError(`Redis ${what}.${consequence}${reason}`, {
      cause: this.#lastError,
    });
  }

  async close(): Promise<void> {
    if (this.ready) await this.#inTime(this.#client.quit(), this.#giveUp).catch(() => undefined);
    // On a client that has ended already it would leave a timer behind.
    if (this.#client.status !== 'end') this.#client.disconnect();
    this.#wake();
  }

  /** A peer that is silent but connected would stay so; what was sent to it may have happened. */
  readonly #giveUp = (): void => {
    if (!isCluster(this.#client)) return this.#client.disconnect(true);
    // Which of them is silent cannot be told; the cluster connects them again as they are needed.
    for (const node of this.#client.nodes('all')) node.disconnect();
  };

  #wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }
}
