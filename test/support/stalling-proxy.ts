import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** Passes on what clients and a server of 127.0.0.1 say; clients that are stalled are not even read from. */
export class StallingProxy {
  readonly #server: Server;
  readonly #clients = new Set<Socket>();
  readonly #ends = new Set<Socket>();
  #isStalled = false;
  #isMute = false;
  #accepted = 0;
  #received = 0;

  static async start(targetPort: number): Promise<StallingProxy> {
    const proxy = new StallingProxy(targetPort);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  private constructor(targetPort: number) {
    this.#server = createServer((client) => this.#accept(client, targetPort));
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

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

  async close(): Promise<void> {
    this.#server.close();
    for (const socket of this.#ends) socket.destroy();
    await once(this.#server, 'close');
  }

  #accept(client: Socket, targetPort: number): void {
    const server = connect(targetPort, '127.0.0.1');
    this.#clients.add(client);
    this.#accepted++;
    client.on('data', (data) => (this.#received += data.length));
    client.on('close', () => this.#clients.delete(client));
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#ends.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('end', () => other.end());
      socket.on('close', () => this.#ends.delete(socket));
      socket.on('data', (data) => {
        if (!this.#isMute) other.write(data);
      });
    }
    if (this.#isStalled) client.pause();
  }
}
