import { Cluster, Redis } from 'ioredis';
import { SLOT_COUNT, slotOf } from '../hash-slot.js';
import { NodeConnection, type NodeConnectionOptions } from './node-connection.js';
import { notSent } from './redis-errors.js';

type MastersOptions = Pick<NodeConnectionOptions, 'clock' | 'commandTimeoutMs'>;

/**
 * Finds the connection to the master of a key, as the client last learnt it. Commands sent there save
 * the client's own search, which takes half of what it spends on a command, and a connection that
 * falls silent can be told from the others.
 */
export class ClusterMasters {
  readonly #cluster: Cluster;
  readonly #options: MastersOptions;
  readonly #connections = new WeakMap<Redis, NodeConnection>();
  #byAddress: ReadonlyMap<string, NodeConnection> | undefined;

  constructor(cluster: Cluster, options: MastersOptions) {
    this.#cluster = cluster;
    this.#options = options;
    const forget = (): void => (this.#byAddress = undefined);
    for (const change of ['+node', '-node', 'refresh']) cluster.on(change, forget);
    if (!this.areOurs) cluster.on('+node', listenToAsking);
  }

  /** Whether the client is of our own copy of the package; another one may not take our commands. */
  get areOurs(): boolean {
    return this.#cluster instanceof Cluster;
  }

  /** Host and port of the master of a key, as the client last learnt it. */
  addressOf(key: string): string | undefined {
    return this.#cluster.slots[slotOf(key)]?.[0];
  }

  /** Undefined where the client has to find, or to connect, it first. */
  ofKey(key: string): NodeConnection | undefined {
    const address = this.addressOf(key);
    if (address === undefined) return undefined;
    this.#byAddress ??= this.#read();
    const master = this.#byAddress.get(address);
    return master?.ready === true ? master : undefined;
  }

  /** The connection to a node, be it open or not. */
  nodeAt(address: string): Redis | undefined {
    return this.#cluster.nodes('all').find((node) => addressOf(node) === address);
  }

  /** Connections to all who own slots, be they open or not. @throws an error that says that nothing was sent. */
  all(): readonly Redis[] {
    const masters = new Map(this.#cluster.nodes('master').map((node) => [addressOf(node), node]));
    for (const address of new Set(this.#cluster.slots.map((owners) => owners?.[0]))) {
      if (address === undefined || masters.has(address)) continue;
      // One that was given up is not among them before the client has learnt of it again.
      this.refresh();
      throw notSent(`there is no connection to ${address}`);
    }
    return [...masters.values()];
  }

  /** Where a node is reached that calls itself by this host and port. */
  reachedAs(announced: string): string {
    const { natMap } = this.#cluster.options;
    const mapped = typeof natMap === 'function' ? natMap(announced) : natMap?.[announced];
    return mapped ? `${mapped.host}:${mapped.port}` : announced;
  }

  /** Any slot of a node; another one with each call, mostly. @throws where it has none. */
  slotOn(node: Redis): number {
    const { slots } = this.#cluster;
    const address = addressOf(node);
    const start = Math.floor(Math.random() * SLOT_COUNT);
    for (let nth = 0; nth < SLOT_COUNT; nth += 1) {
      const slot = (start + nth) % SLOT_COUNT;
      if (slots[slot]?.[0] === address) return slot;
    }
    throw new Error(`The node ${address} has no slot`);
  }

  /** Has the client learn again which node has which slots. */
  refresh(): void {
    this.#cluster.refreshSlotsCache();
  }

  #read(): ReadonlyMap<string, NodeConnection> {
    const masters = this.#cluster.nodes('master').filter((node) => node instanceof Redis);
    return new Map(masters.map((node) => [addressOf(node), this.connectionTo(node)]));
  }

  /** Ours to a node of the client. */
  connectionTo(node: Redis): NodeConnection {
    let connection = this.#connections.get(node);
    if (connection === undefined) {
      const giveUp = (): void => node.disconnect();
      connection = new NodeConnection(node, { ...this.#options, giveUp, pipelined: true });
      this.#connections.set(node, connection);
    }
    return connection;
  }
}

/**
 * A client that follows a redirection by itself sends ASKING and does not listen to the answer (seen with ioredis
 * 5 and 6). Where the connection breaks before it comes, that is an unhandled rejection, which ends the process.
 */
function listenToAsking(node: Redis): void {
  const asking = node.asking.bind(node) as () => Promise<'OK'>;
  node.asking = () => {
    const answer = asking();
    answer.catch(() => undefined);
    return answer;
  };
}

export function addressOf({ options }: Redis): string {
  return `${options.host}:${options.port}`;
}
