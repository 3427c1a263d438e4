import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { ProxiedConnection } from './fault-proxy/proxied-connection.js';
import type { ConnectionOwner } from './fault-proxy/proxied-connection.js';
import type { Decide, FaultKind } from './fault-proxy/proxied-request.js';

export { faultOnce, ProxiedRequest } from './fault-proxy/proxied-request.js';
export type { Decide, Fault, FaultKind } from './fault-proxy/proxied-request.js';

/** Calls back after the given time and returns how to prevent that. */
export type Schedule = (callback: () => void, milliseconds: number) => () => void;

export interface FaultProxyOptions {
  /** The port of a Redis server on 127.0.0.1. */
  readonly targetPort: number;
  readonly decide?: Decide;
  /** What `delay` waits with. @default setTimeout */
  readonly schedule?: Schedule;
}

export interface FaultProxyCounts {
  /** Accepted connections, without the refused ones. */
  connections: number;
  refused: number;
  /** Requests that `decide` was asked about. */
  requests: number;
  /** Requests that were sent to the server. */
  forwarded: number;
  /** Requests that the server answered. */
  executed: number;
  /** Replies and messages that were handed to a client. */
  delivered: number;
  readonly faults: Record<FaultKind, number>;
}

interface LateRequest {
  readonly connection: ProxiedConnection;
  commandsLeft: number;
}

/** A proxy on 127.0.0.1 that breaks the connection between clients and a Redis server on purpose. */
export class FaultProxy {
  /** Asked about every request when its turn comes; may be replaced at any time. */
  decide: Decide;
  readonly counts: FaultProxyCounts = {
    connections: 0,
    refused: 0,
    requests: 0,
    forwarded: 0,
    executed: 0,
    delivered: 0,
    faults: {
      pass: 0,
      cutBeforeRequest: 0,
      cutBeforeReply: 0,
      dropReply: 0,
      delay: 0,
      deliverLate: 0,
      sliceReply: 0,
      reset: 0,
    },
  };
  readonly #schedule: Schedule;
  readonly #listener: Server;
  readonly #connections = new Set<ProxiedConnection>();
  readonly #cancelations = new Set<() => void>();
  readonly #owner: ConnectionOwner;
  #late: LateRequest[] = [];
  #blackholed = false;
  #refusing = false;
  #port = 0;

  private constructor(options: FaultProxyOptions) {
    this.decide = options.decide ?? (() => undefined);
    this.#schedule = options.schedule ?? scheduleWithTimer;
    this.#owner = this.#createOwner(options.targetPort);
    this.#listener = createServer((socket) => this.#accept(socket));
  }

  static async start(options: FaultProxyOptions): Promise<FaultProxy> {
    const proxy = new FaultProxy(options);
    proxy.#listener.listen(0, '127.0.0.1');
    await once(proxy.#listener, 'listening');
    proxy.#port = (proxy.#listener.address() as AddressInfo).port;
    return proxy;
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.#port}`;
  }

  /** How many requests are held by `deliverLate`. */
  get lateCount(): number {
    return this.#late.length;
  }

  /** Connections of which at least one side is open. */
  get openConnections(): number {
    return this.#connections.size;
  }

  /** Cuts all connections at once; requests that are held late stay held. */
  cutAll(): void {
    for (const connection of this.#connections) connection.cut();
  }

  /** Nothing passes any more in either direction, not even the end of a connection. */
  blackhole(): void {
    this.#blackholed = true;
  }

  /** Delivers what was held back, also the requests of clients that have left in the meantime. */
  heal(): void {
    this.#blackholed = false;
    for (const connection of this.#connections) connection.resume();
  }

  /** While on, new connections are reset at once. */
  refuseConnections(on: boolean): void {
    this.#refusing = on;
  }

  /** Delivers all late requests and returns how many of them the server executed. */
  async releaseLate(): Promise<number> {
    const released = this.#late;
    this.#late = [];
    const answers = await Promise.all(released.map(({ connection }) => connection.deliverLate()));
    return answers.filter(Boolean).length;
  }

  /** Closes everything; late and delayed requests are lost. */
  async stop(): Promise<void> {
    this.#refusing = true;
    this.#blackholed = false;
    this.#late = [];
    for (const cancel of this.#cancelations) cancel();
    const closed = once(this.#listener, 'close');
    this.#listener.close();
    for (const connection of this.#connections) connection.destroy();
    await closed;
  }

  #accept(socket: Socket): void {
    if (this.#refusing) {
      this.counts.refused += 1;
      socket.on('error', () => {});
      socket.resetAndDestroy();
      return;
    }
    this.counts.connections += 1;
    const connection = new ProxiedConnection(this.counts.connections, socket, this.#owner);
    this.#connections.add(connection);
  }

  #createOwner(targetPort: number): ConnectionOwner {
    const isBlackholed = (): boolean => this.#blackholed;
    return {
      targetPort,
      get isBlackholed() {
        return isBlackholed();
      },
      decide: (request) => {
        const fault = this.decide(request) ?? { kind: 'pass' };
        this.counts.requests += 1;
        this.counts.faults[fault.kind] += 1;
        return fault;
      },
      schedule: (callback, milliseconds) => this.#delay(callback, milliseconds),
      forwarded: () => {
        this.counts.forwarded += 1;
      },
      executed: (connection, request) => {
        this.counts.executed += 1;
        if (!request.isConnectionSetup) this.#countDown(connection);
      },
      delivered: () => {
        this.counts.delivered += 1;
      },
      holdLate: (connection, afterCommands = Infinity) => {
        this.#late.push({ connection, commandsLeft: afterCommands });
      },
      closed: (connection) => {
        this.#connections.delete(connection);
      },
    };
  }

  #delay(callback: () => void, milliseconds: number): void {
    const cancel = this.#schedule(() => {
      this.#cancelations.delete(cancel);
      callback();
    }, milliseconds);
    this.#cancelations.add(cancel);
  }

  #countDown(executedFor: ProxiedConnection): void {
    const others = this.#late.filter(({ connection }) => connection !== executedFor);
    for (const late of others) late.commandsLeft -= 1;
    const due = others.filter(({ commandsLeft }) => commandsLeft <= 0);
    this.#late = this.#late.filter((late) => !due.includes(late));
    for (const { connection } of due) void connection.deliverLate();
  }
}

function scheduleWithTimer(callback: () => void, milliseconds: number): () => void {
  const timer = setTimeout(callback, milliseconds);
  return () => clearTimeout(timer);
}
