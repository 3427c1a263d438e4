import type { Redis } from 'ioredis';
import { messageOf } from '../../errors/message-of.js';
import type { Clock } from '../clock.js';
import { RESERVED_PREFIX } from '../transaction-address.js';
import type { Instead } from './node-connection.js';
import type { RedisClient } from './redis-client.js';
import { RedisConnection, type Link } from './redis-connection.js';
import { isRedirection } from './redis-errors.js';

/** Who has to have a step before anybody acts on it. */
export interface Durability {
  /** So many replicas of the master that did it. */
  readonly replicas: number;
  /** How long they are waited for, in milliseconds. */
  readonly timeoutMs: number;
}

/** A step was done by a master, and too few of its replicas said in time that they have it. */
export class NotReplicatedError extends Error {
  override readonly name = 'NotReplicatedError';

  constructor(
    message: string,
    /** What the master answered. */
    readonly reply: unknown,
  ) {
    super(message);
  }
}

/** For a step that is not worth waiting for: StoreUnavailableError instead of NotReplicatedError. */
export function notWorthWaiting(connection: RedisConnection, error: unknown): unknown {
  if (!(error instanceof NotReplicatedError)) return error;
  return connection.unavailable(`waits: ${error.message}`);
}

/** That a transaction is committed is worth waiting for; a roll back is tried again by whoever needs it. */
export function unlessCommitted(connection: RedisConnection, error: unknown): unknown {
  if (error instanceof NotReplicatedError && error.reply === 'committed') return error;
  return notWorthWaiting(connection, error);
}

const MARK_ATTEMPTS = 3;
const MARK_TTL_MS = '60000';

/** What a master answered, and over which socket. */
interface Done {
  readonly reply: unknown;
  readonly link: Link;
}

/** Before a socket: those who wait for the next WAIT, and a key that lies behind it. */
interface Gate {
  waiting: Waiter[];
  busy: boolean;
  key: string;
}

interface Waiter {
  readonly resolve: (replicas: number) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * A connection whose commands are answered once the replicas have what the master did or said.
 *
 * D1 WAIT goes over the socket over which the command went, and counts for nothing after it has broken.
 * D2 WAIT follows a write of its own, since it looks no further than the last write of its socket: what a
 *    command found there counts as replicated only when all that stood before it is.
 * D3 At most one WAIT is under way per socket; all that was answered meanwhile shares the next.
 */
export class ReplicatedConnection extends RedisConnection {
  readonly #durability: Durability;
  /** By socket. */
  readonly #gates = new WeakMap<object, Gate>();

  constructor(
    client: RedisClient,
    clock: Clock,
    options: { readonly commandTimeoutMs: number; readonly durability: Durability },
  ) {
    super(client, clock, options.commandTimeoutMs);
    this.#durability = options.durability;
  }

  /** @throws NotReplicatedError, and the errors of a RedisConnection. */
  override async execute(
    command: string,
    args: readonly string[],
    key = args[0] ?? '',
    instead: Instead = () => undefined,
  ): Promise<unknown> {
    let done: Done;
    try {
      done = await this.#executeOnMaster(command, args, key);
    } catch (error) {
      const other = instead(error);
      if (other !== undefined) return other;
      throw error;
    }
    const { reply, link } = done;
    const { replicas, timeoutMs } = this.#durability;
    const found = await this.#replicasThrough(link, key);
    if (found >= replicas) return reply;
    throw new NotReplicatedError(
      `${found} of ${replicas} replicas confirmed within ${timeoutMs} ms what their master did`,
      reply,
    );
  }

  async #executeOnMaster(command: string, args: readonly string[], key: string): Promise<Done> {
    const node = await this.masterOf(key);
    const link = linkTo(node);
    try {
      return { reply: await this.sendTo(node, command, args), link };
    } catch (error) {
      if (!isRedirection(error)) throw error;
      const asked = linkTo(await this.redirectedTo(error));
      this.sendTo(asked.node, 'ASKING', []).catch(() => undefined);
      return { reply: await this.sendTo(asked.node, command, args), link: asked };
    }
  }

  /** D3: how many replicas have everything that was written before now. */
  #replicasThrough(link: Link, key: string): Promise<number> {
    const gate = this.#gates.get(link.stream) ?? { waiting: [], busy: false, key };
    this.#gates.set(link.stream, gate);
    gate.key = key;
    return new Promise((resolve, reject) => {
      gate.waiting.push({ resolve, reject });
      if (gate.busy) return;
      gate.busy = true;
      // The answers of one packet share one.
      process.nextTick(() => void this.#waitFor(link, gate));
    });
  }

  async #waitFor(link: Link, gate: Gate): Promise<void> {
    while (gate.waiting.length > 0) {
      const waiting = gate.waiting.splice(0);
      try {
        const replicas = await this.#markAndWait(link, gate.key);
        for (const waiter of waiting) waiter.resolve(replicas);
        if (replicas < this.#durability.replicas) await this.#leaveWhoIsAlone(link);
      } catch (error) {
        for (const waiter of waiting) waiter.reject(error);
      }
    }
    gate.busy = false;
  }

  /** A former master that was paused goes on as if nothing had happened, until somebody tells it. */
  async #leaveWhoIsAlone(link: Link): Promise<void> {
    if (!this.asksSentinels) return;
    const info = await this.sendTo(link.node, 'INFO', ['replication']).catch(() => '');
    const isAlone = /^connected_slaves:0\r?$/m.test(String(info));
    if (isAlone && link.node.stream === link.stream) this.leave();
  }

  /** D1, D2. */
  async #markAndWait(link: Link, key: string): Promise<number> {
    const { replicas, timeoutMs } = this.#durability;
    for (let attempt = 1; ; attempt += 1) {
      if (link.node.stream !== link.stream) throw broken('the connection broke');
      // A slot that is about to move takes no new keys, so another one is tried.
      const tag = attempt === 1 ? this.tagOf(key) : this.tagOn(link.node);
      const mark = `${RESERVED_PREFIX}{${tag}}:mark`;
      const marked = this.sendTo(link.node, 'SET', [mark, '', 'PX', MARK_TTL_MS]);
      const waited = this.sendTo(link.node, 'WAIT', [String(replicas), String(timeoutMs)]);
      const [written, confirmed] = await Promise.allSettled([marked, waited]);
      if (written.status === 'rejected') {
        if (isRedirection(written.reason) && attempt < MARK_ATTEMPTS) continue;
        throw broken(messageOf(written.reason));
      }
      if (confirmed.status === 'rejected') throw broken(messageOf(confirmed.reason));
      return Number(confirmed.value);
    }
  }
}

function linkTo(node: Redis): Link {
  return { node, stream: node.stream };
}

/** Never the server's own words first: they would say that nothing was done. */
function broken(reason: string): Error {
  return new Error(`It is not known whether the replicas have it: ${reason}`);
}
