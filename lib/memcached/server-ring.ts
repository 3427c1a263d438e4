import HashRing from 'hashring';
import type { ServerLink } from './server-link.js';

/**
 * Which server has a key: by consistent hashing as in libketama, from the names of all servers in the options.
 * A server that is down keeps its keys: others that took them would split the data.
 */
export class ServerRing {
  readonly #links: ReadonlyMap<string, ServerLink>;
  readonly #only: ServerLink | undefined;
  readonly #ring: HashRing;

  constructor(links: readonly ServerLink[]) {
    this.#links = new Map(links.map((link) => [link.name, link]));
    this.#only = links.length === 1 ? links[0] : undefined;
    this.#ring = new HashRing([...this.#links.keys()]);
  }

  linkOf(serverKey: string): ServerLink {
    const link = this.#only ?? this.#links.get(this.#ring.get(serverKey));
    if (link === undefined) throw new Error(`No server for ${serverKey}`);
    return link;
  }
}
