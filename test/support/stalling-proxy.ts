import type { Socket } from 'node:net';
import { TcpProxy } from './tcp-proxy.js';

/** Passes on what clients and a server of 127.0.0.1 say; clients that are stalled are not even read from. */
export class StallingProxy extends TcpProxy {
  readonly #clients = new Set<Socket>();
  #isStalled = false;
  #isMute = false;
  #accepted = 0;
  #received = 0;

  /** How many connections of clients are open. */
  get open(): number {
    return this.#clients.size;
  }

  /** How many connections of clients there have been. */
  get accepted(): number {
    return this.#accepted;
  }

  /** How many bytes it has read from clients. */
  get received(): number {
    return this.#received;
  }

  /** From now on nothing is read, on new connections either. */
  stall(): void {
    this.#isStalled = true;
    for (const client of this.#clients) client.pause();
  }

  /** From now on what clients say is read, so that their end is noticed, and is not passed on. */
  mute(): void {
    this.#isMute = true;
  }

  /** Passes on what has come since `stall`. */
  resume(): void {
    this.#isStalled = false;
    for (const client of this.#clients) client.resume();
  }

  /** Ends the connections that are open. */
  reset(): void {
    for (const client of this.#clients) client.resetAndDestroy();
  }

  protected accept(client: Socket, server: Socket): void {
    this.#clients.add(client);
    this.#accepted++;
    client.on('data', (data) => (this.#received += data.length));
    client.on('close', () => this.#clients.delete(client));
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      socket.on('error', () => other.destroy());
      socket.on('end', () => other.end());
      socket.on('data', (data) => {
        if (!this.#isMute) other.write(data);
      });
    }
    if (this.#isStalled) client.pause();
  }
}
