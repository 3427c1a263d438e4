import { createPool, type Pool } from 'generic-pool';
import type { Redis } from 'ioredis';
import { InsufficientFundsError, move } from '../accounts.js';
import { bothOf, connect, parseAccount, readJson, seedJson } from './layouts.js';
import { retryUntilCommitted } from './retry.js';
import type { CreateSystem, StoredAccount, System, SystemContext } from './system.js';
import type { Call } from './call.js';

/** A connection for every call in flight: what is watched belongs to one. */
export function openConnectionPool({ redisUrls, concurrency }: SystemContext): Pool<Redis> {
  return createPool<Redis>(
    {
      create: () => connect(redisUrls[0], { autoPipelining: false }),
      destroy: async (redis) => {
        await redis.quit();
      },
    },
    { max: Math.max(1, concurrency) },
  );
}

/**
 * WATCH, MGET, MULTI … EXEC. The watch belongs to a connection, so each transfer in flight borrows
 * one from a pool. WATCH and MGET share a round trip, MULTI to EXEC the other.
 */
class WatchMultiExec implements System {
  readonly #pool: Pool<Redis>;

  constructor(context: SystemContext) {
    this.#pool = openConnectionPool(context);
  }

  async setup(ids: readonly string[]): Promise<void> {
    await this.#pool.use((redis) => seedJson(redis, ids));
  }

  async transfer(from: string, to: string, amount: number, call: Call): Promise<void> {
    const redis = await this.#pool.acquire();
    try {
      await retryUntilCommitted(() => {
        call.attempts += 1;
        return this.#attempt(redis, from, to, amount);
      });
    } finally {
      await this.#pool.release(redis);
    }
  }

  async #attempt(redis: Redis, from: string, to: string, amount: number): Promise<boolean> {
    const [, replies] = await Promise.all([redis.watch(from, to), redis.mget(from, to)]);
    const [sourceJson, targetJson] = bothOf(replies, from, to);
    const source = parseAccount(sourceJson);
    const target = parseAccount(targetJson);
    try {
      move(source, target, amount);
    } catch (error) {
      if (error instanceof InsufficientFundsError) await redis.unwatch();
      throw error;
    }
    const results = await redis
      .multi()
      .mset(from, JSON.stringify(source), to, JSON.stringify(target))
      .exec();
    return results !== null;
  }

  check(ids: readonly string[]): Promise<StoredAccount[]> {
    return Promise.resolve(this.#pool.use((redis) => readJson(redis, ids)));
  }

  async close(): Promise<void> {
    await this.#pool.drain();
    await this.#pool.clear();
  }
}

export const watchMultiExec: CreateSystem = (context) => new WatchMultiExec(context);
