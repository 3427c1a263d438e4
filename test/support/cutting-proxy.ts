import type { Socket } from 'node:net';
import { TcpProxy } from './tcp-proxy.js';

/** - `request`: the server never hears of it; `reply`: it does, and nobody hears its answer. */
export type Cut = 'request' | 'reply';

interface Plan {
  readonly text: string;
  readonly cut: Cut;
}

/** Passes on what clients and a server of 127.0.0.1 say, until a client says something that is to be cut off. */
export class CuttingProxy extends TcpProxy {
  /** Asked about whatever a client says, in pieces as they come. @default nothing is cut */
  decide: () => Cut | undefined = () => undefined;
  #plan: Plan | undefined;
  #cuts = 0;

  /** How often it has cut a connection. */
  get cuts(): number {
    return this.#cuts;
  }

  /** The next connection on which a client says this ends there. */
  cutAt(text: string, cut: Cut): void {
    this.#plan = { text, cut };
  }

  protected accept(client: Socket, server: Socket): void {
    let cutsReply = false;
    const end = (): void => {
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) {
      socket.on('error', end);
      socket.on('close', end);
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
