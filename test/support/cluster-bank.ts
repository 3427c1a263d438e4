import type { Cluster } from 'ioredis';
import type { DurabilityOptions } from '../../lib/index.js';
import { BankWorkload, accountIds, openingAmount, type BankReport } from './bank-workload.js';
import { clusterClient, type ClusterConfig } from './cluster-client.js';
import { Account, accountKey, commitCountIn } from './entities.js';
import { LibraryCopy, type ChildRun } from './library-copy.js';
import { poll } from './poll.js';
import { RedisCluster, type RedisClusterOptions } from './redis-cluster.js';
import type { SeededRandom } from './seeded-random.js';
import { TestRuntime } from './test-runtime.js';

export interface ClusterBankOptions extends RedisClusterOptions {
  readonly accounts?: number;
  readonly durability?: DurabilityOptions;
}

export interface TellerOptions {
  readonly calls?: number;
  readonly concurrency?: number;
  readonly timeoutMs?: number;
}

export interface BankSums {
  readonly balance: number;
  readonly points: number;
  /** Accounts with less than no points. */
  readonly overdrawn: number;
}

/** What the accounts show, beside what the tellers say. */
export interface BankFigures extends BankSums {
  /** Commits that nobody reported, twice each; below zero for reported ones that are not there. */
  readonly surplusVersions: number;
  /** Calls whose outcome nobody could tell. */
  readonly unknown: number;
}

/** Longer than a cluster takes to elect a master. */
const lookTimeoutMs = 8000;

/** Accounts on all nodes of a real cluster, and processes that work on them. */
export class ClusterBank {
  readonly ids: readonly string[];
  readonly keys: readonly string[];
  /** What has to come out, whatever happened. */
  readonly exact: BankFigures;
  readonly exactSums: BankSums;
  #runtime: TestRuntime | undefined;

  static async start(options: ClusterBankOptions = {}): Promise<ClusterBank> {
    const { accounts = 12, durability, ...form } = options;
    const library = LibraryCopy.create();
    const cluster = await RedisCluster.start(form);
    const client = clusterClient({ ports: cluster.nodes.map(({ port }) => port) });
    await client.connect();
    return new ClusterBank({ library, cluster, client }, accounts, durability);
  }

  private constructor(
    private readonly parts: {
      readonly library: LibraryCopy;
      readonly cluster: RedisCluster;
      readonly client: Cluster;
    },
    accounts: number,
    private readonly durability: DurabilityOptions | undefined,
  ) {
    this.ids = accountIds(accounts);
    this.keys = this.ids.map(accountKey);
    const sum = accounts * openingAmount;
    this.exactSums = { balance: sum, points: sum, overdrawn: 0 };
    this.exact = { ...this.exactSums, surplusVersions: 0, unknown: 0 };
  }

  get cluster(): RedisCluster {
    return this.parts.cluster;
  }

  get library(): LibraryCopy {
    return this.parts.library;
  }

  /** A client that knows nothing of transactions. */
  get client(): Cluster {
    return this.parts.client;
  }

  get address(): { readonly cluster: ClusterConfig } {
    return { cluster: { ports: this.cluster.nodes.map(({ port }) => port) } };
  }

  get runtime(): TestRuntime {
    if (this.#runtime === undefined) throw new Error('The accounts were never opened.');
    return this.#runtime;
  }

  /** Begins anew: nothing is on the cluster but the accounts. */
  async openAccounts(): Promise<void> {
    await this.#runtime?.close();
    for (const master of await this.cluster.currentMasters()) await master.command('FLUSHALL');
    const { client: redis, durability } = this;
    this.#runtime = await TestRuntime.open({ redis, ...(durability ? { durability } : {}) });
    await BankWorkload.openAccounts(this.#runtime, this.ids.length);
  }

  async stop(): Promise<void> {
    await this.#runtime?.close();
    this.library.remove();
    this.client.disconnect();
    await this.cluster.stop();
  }

  /** A process that works until its calls are made, or until it is told to stop. */
  startTeller(random: SeededRandom, options: TellerOptions = {}): ChildRun {
    const { calls = Number.MAX_SAFE_INTEGER, concurrency = 6, timeoutMs = 20_000 } = options;
    const { durability, address } = this;
    return this.library.start('test/workers/bank.ts', {
      ...address,
      ...(durability ? { durability } : {}),
      accounts: this.ids.length,
      calls,
      concurrency,
      timeoutMs,
      seed: random.integer(2 ** 31),
    });
  }

  /** What the accounts show once nothing is locked any more, beside the reports of all tellers. */
  async figures(reports: readonly BankReport[]): Promise<BankFigures> {
    await this.nothingLocked(10_000);
    const commits = reports.reduce((sum, report) => sum + report.commits, 0);
    return {
      ...(await this.sums()),
      surplusVersions: (await this.commitCount()) - this.ids.length - 2 * commits,
      unknown: reports.reduce((sum, { unknown }) => sum + unknown, 0),
    };
  }

  async sums(): Promise<BankSums> {
    const found = await this.runtime.repository(Account).findManyOrFail(this.ids);
    return {
      balance: found.reduce((sum, { balance }) => sum + balance, 0),
      points: found.reduce((sum, { points }) => sum + points, 0),
      overdrawn: found.filter(({ points }) => points < 0).length,
    };
  }

  /** Of all accounts together; to open one is a commit, too. */
  async commitCount(): Promise<number> {
    const repository = this.runtime.repository(Account);
    // A look that is validated finds no moment in which nothing changes.
    const look = () => Promise.all(this.ids.map((id) => repository.peek(id)));
    const found = await this.runtime.manager.run(look, { timeoutMs: lookTimeoutMs });
    return found.reduce((sum, one) => sum + commitCountIn(repository.versionOf(one!)), 0);
  }

  /** Resolves when the accounts have seen so many more commits. */
  async moreCommits(count: number): Promise<void> {
    const before = await this.commitCount();
    await poll(async () => ((await this.commitCount()) > before + count ? true : undefined), {
      deadlineMs: 30_000,
      intervalMs: 20,
      until: `${count} more are committed`,
    });
  }

  async #rawAccounts(): Promise<string[]> {
    return Promise.all(this.keys.map(async (key) => String(await this.client.get(key))));
  }

  async nothingLocked(deadlineMs: number): Promise<void> {
    await poll(async () => ((await this.#locked()).length === 0 ? true : undefined), {
      deadlineMs,
      intervalMs: 50,
      until: 'no lock is left',
    });
  }

  /** No lock stands, and no journal of a dead or living instance holds anything. */
  async nothingLeft(deadlineMs: number): Promise<void> {
    await poll(async () => ((await this.#leftovers()).length === 0 ? true : undefined), {
      deadlineMs,
      intervalMs: 50,
      until: 'no lock and no journal is left',
    });
  }

  async #locked(): Promise<string[]> {
    return (await this.#rawAccounts()).filter((text) => text.split('|')[0]!.includes('*'));
  }

  async #leftovers(): Promise<string[]> {
    const keys = await Promise.all(
      this.cluster.nodes.map((node) => node.command('KEYS', 'dtx:*:journal:*')),
    );
    return [...(await this.#locked()), ...keys.flatMap((found) => found as string[])];
  }
}
