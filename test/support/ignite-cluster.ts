import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findIgnite } from '../../tools/servers/ignite.mjs';
import { untilStopped } from './child-processes.js';
import { freePort } from './free-port.js';
import { GuardedProcess } from './guarded-process.js';
import { poll } from './poll.js';

export { describeIgnite } from './describe-server.js';

/** What a JVM, a first class load and two nodes that look for each other may take on a busy machine. */
const startDeadlineMs = 60_000;
const stopDeadlineMs = 10_000;

interface NodePorts {
  readonly discovery: number;
  readonly communication: number;
  readonly client: number;
}

type ClusterState = 'ACTIVE' | 'INACTIVE';

/** What all nodes of a cluster are told. */
interface Membership {
  /** Their ports of discovery. */
  readonly members: readonly number[];
  readonly state: ClusterState;
}

/** One node of a cluster: a process of its own. */
export class IgniteNode {
  #process: GuardedProcess | undefined;
  #starts = 0;

  constructor(
    readonly name: string,
    private readonly ports: NodePorts,
    private readonly membership: Membership,
    private readonly dir: string,
  ) {}

  /** As options have it. */
  get endpoint(): string {
    return `127.0.0.1:${this.ports.client}`;
  }

  get port(): number {
    return this.ports.client;
  }

  get isRunning(): boolean {
    return this.#process !== undefined && !this.#process.hasExited;
  }

  /** Resolves when it has joined the cluster. */
  async start(): Promise<void> {
    const ignite = findIgnite();
    if (ignite === undefined) throw new Error('Ignite missing');
    const { discovery, communication, client } = this.ports;
    const { members, state } = this.membership;
    const addresses = members.map((port) => `127.0.0.1:${port}`).join(',');
    const log = join(this.dir, `${this.name}-${++this.#starts}.log`);
    const work = join(this.dir, this.name);
    const own = [this.name, discovery, communication, client, addresses, work, state].map(String);
    const args = [...ignite.args, ...own];
    this.#process = await GuardedProcess.start(ignite.command, args, this.dir, { log });
    await poll(
      async () => {
        const said = await readFile(log, 'utf8');
        if (!this.isRunning) throw new Error(`Ignite ended while starting:\n${said}`);
        return said.includes('ready') ? true : undefined;
      },
      { deadlineMs: startDeadlineMs, intervalMs: 50, until: `${this.name} has joined` },
    );
  }

  /** kill -9. */
  async kill(): Promise<void> {
    await this.#process?.crash(stopDeadlineMs);
  }

  /** Pauses it; once that resolves, none of its threads runs any more. */
  async silence(): Promise<void> {
    this.#process?.signalWithChildren('SIGSTOP');
    await untilStopped(this.#process!.pid);
  }

  resume(): void {
    this.#process?.signalWithChildren('SIGCONT');
  }
}

/** A real cluster of Apache Ignite on 127.0.0.1; nothing of it survives. */
export class IgniteCluster {
  private constructor(
    readonly nodes: readonly IgniteNode[],
    private readonly dir: string,
  ) {}

  /** @param state that the first nodes give the cluster; an inactive one refuses everything. */
  static async start(count = 2, state: ClusterState = 'ACTIVE'): Promise<IgniteCluster> {
    const dir = await mkdtemp(join(tmpdir(), 'dtx-ignite-'));
    const ports: NodePorts[] = [];
    for (let nth = 0; nth < count; nth++) {
      const [discovery, communication, client] = [
        await freePort(),
        await freePort(),
        await freePort(),
      ];
      ports.push({ discovery, communication, client });
    }
    const membership = { members: ports.map(({ discovery }) => discovery), state };
    const nodes = ports.map((own, nth) => new IgniteNode(`node${nth + 1}`, own, membership, dir));
    const cluster = new IgniteCluster(nodes, dir);
    try {
      await Promise.all(nodes.map((node) => node.start()));
      return cluster;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  get endpoints(): readonly string[] {
    return this.nodes.map(({ endpoint }) => endpoint);
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.kill()));
    await rm(this.dir, { recursive: true, force: true });
  }
}
