import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** - `request`: the server never hears of it; `reply`: it does, and nobody hears its answer. */
export type Cut = 'request' | 'reply';

interface Plan {
  readonly text: string;
  readonly cut: Cut;
}

/** Passes on what clients and a server of 127.0.0.1 say, until a client says something that is to be cut off. */
export class CuttingProxy {
  /** Asked about whatever a client says, in pieces as they come. @default nothing is cut */
  decide: () => Cut | undefined = () => undefined;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #plan: Plan | undefined;
  #cuts = 0;

  static async start(targetPort: number): Promise<CuttingProxy> {
    const proxy = new CuttingProxy(targetPort);
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

  /** How often it has cut a connection. */
  get cuts(): number {
    return this.#cuts;
  }

  /** The next connection on which a client says this ends there. */
  cutAt(text: string, cut: Cut): void {
    this.#plan = { text, cut };
  }

  async close(): Promise<void> {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await once(this.#server, 'close');
  }

  #accept(client: Socket, targetPort: number): void {
    const server = connect(targetPort, '127.0.0.1');
    let cutsReply = false;
    const end = (): void => {
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.on('error', end);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        end();
      });
    }
    client.on('data', (data) => {
      const plan = this.#plan;
      const isPlanned = plan !== undefined && data.includes(plan.text);
      if (isPlanned) this.#plan = undefined;
      const cut = isPlanned ? plan.cut : this.decide();
      if (cut !== undefined) this.#cuts++;
      if (cut === 'request') return end();
      cutsReply ||= cut === 'reply';
      server.write(data);
    });
    server.on('data', (data) => (cutsReply ? end() : client.write(data)));
  }
}
