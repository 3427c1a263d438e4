import { Cluster } from 'ioredis';
import { type AccountData, newAccount } from '../accounts.js';
import { chunksOf, type ConnectOptions } from './layouts.js';

/** One connected ioredis client of a cluster. */
export async function connectCluster(
  redisUrls: readonly string[],
  options: ConnectOptions,
): Promise<Cluster> {
  const cluster = new Cluster([...redisUrls], {
    lazyConnect: true,
    enableAutoPipelining: options.autoPipelining,
  });
  await cluster.connect();
  return cluster;
}

/** Stores a new account under each id, key by key: no command spans slots. */
export async function seedCluster(
  cluster: Cluster,
  ids: readonly string[],
  encode: (account: AccountData) => string,
): Promise<void> {
  for (const chunk of chunksOf(ids)) {
    await Promise.all(chunk.map((id) => cluster.set(id, encode(newAccount(id)))));
  }
}

/** The strings under the ids, from the masters. */
export async function readCluster(cluster: Cluster, ids: readonly string[]): Promise<string[]> {
  const values: string[] = [];
  for (const chunk of chunksOf(ids)) {
    values.push(...(await Promise.all(chunk.map((id) => presentOf(cluster, id)))));
  }
  return values;
}

/** @throws Error where there is nothing under the id. */
export async function presentOf(cluster: Cluster, id: string): Promise<string> {
  const stored = await cluster.get(id);
  if (stored === null) throw new Error(`Account ${id} is missing.`);
  return stored;
}
