import type { Cluster } from 'ioredis';
import { move } from '../accounts.js';
import { connectCluster, presentOf, readCluster, seedCluster } from './cluster-layouts.js';
import { parseAccount } from './layouts.js';
import type { CreateSystem, StoredAccount, System, SystemContext } from './system.js';
import type { Call } from './call.js';

/** Two GETs and two SETs with nothing between: wrong on purpose, as `no-control` on one Redis. */
class NoControlCluster implements System {
  #cluster!: Cluster;

  constructor(private readonly context: SystemContext) {}

  async setup(ids: readonly string[]): Promise<void> {
    this.#cluster = await connectCluster(this.context.redisUrls, { autoPipelining: true });
    await seedCluster(this.#cluster, ids, (account) => JSON.stringify(account));
  }

  async transfer(from: string, to: string, amount: number, call: Call): Promise<void> {
    call.attempts += 1;
    const [sourceJson, targetJson] = await Promise.all([
      presentOf(this.#cluster, from),
      presentOf(this.#cluster, to),
    ]);
    const source = parseAccount(sourceJson);
    const target = parseAccount(targetJson);
    move(source, target, amount);
    await Promise.all([
      this.#cluster.set(from, JSON.stringify(source)),
      this.#cluster.set(to, JSON.stringify(target)),
    ]);
  }

  async check(ids: readonly string[]): Promise<StoredAccount[]> {
    const values = await readCluster(this.#cluster, ids);
    return values.map((value) => ({ balance: parseAccount(value).balance }));
  }

  async close(): Promise<void> {
    await this.#cluster.quit();
  }
}

export const noControlCluster: CreateSystem = (context) => new NoControlCluster(context);
