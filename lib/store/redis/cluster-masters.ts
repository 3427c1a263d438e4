import { Redis, type Cluster } from 'ioredis';
import { slotOf } from '../hash-slot.js';
import type { EncodedCommand } from './encoded-command.js';

/**
 * Finds the connection to the master of a key, as the client last learnt it. Commands sent there save
 * the client's own search, which takes half of what it spends on a command, and a connection that
 * falls silent can be told from the others.
 */
export class ClusterMasters {
  readonly #cluster: Cluster;
  #byAddress: ReadonlyMap<string, Redis> | undefined;
  /** The streams that gather what is sent to them until the end of the turn. */
  readonly #corked: Redis['stream'][] = [];

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    const forget = (): void => (this.#byAddress = undefined);
    for (const change of ['+node', '-node', 'refresh']) cluster.on(change, forget);
  }

  /** Host and port of the master of a key, as the client last learnt it. */
  addressOf(key: string): string | undefined {
    return this.#cluster.slots[slotOf(key)]?.[0];
  }

  /** Undefined where the client has to find, or to connect, it first. */
  ofKey(key: string): Redis | undefined {
    const address = this.addressOf(key);
    if (address === undefined) return undefined;
    this.#byAddress ??= this.#read();
    const master = this.#byAddress.get(address);
    return master?.status === 'ready' ? master : undefined;
  }

  /** Commands of one turn travel together, in one pipeline to each master. */
  send(master: Redis, command: EncodedCommand): void {
    const { stream } = master;
    if (!this.#corked.includes(stream)) {
      if (this.#corked.length === 0) process.nextTick(this.#uncork);
      stream.cork();
      this.#corked.push(stream);
    }
    master.sendCommand(command);
  }

  readonly #uncork = (): void => {
    for (const stream of this.#corked.splice(0)) stream.uncork();
  };

  #read(): ReadonlyMap<string, Redis> {
    const masters = this.#cluster.nodes('master').filter((node) => node instanceof Redis);
    return new Map(masters.map((node) => [addressOf(node), node]));
  }
}

export function addressOf({ options }: Redis): string {
  return `${options.host}:${options.port}`;
}
