import type { Redis } from 'ioredis';
import { Mutex, TimeoutError } from 'redis-semaphore';
import { connect, readJson, seedJson } from './layouts.js';
import { lockedTransfer } from './locked-transfer.js';
import type { CreateSystem, StoredAccount, System, SystemContext } from './system.js';
import { type Call, CALL_TIMEOUT_MS, GaveUpError } from './call.js';

/**
 * A lock is held for a few milliseconds: look again after 5 ms instead of 10, and start no renewal
 * timer, since a transfer ends long before its locks would.
 */
const LOCKING = {
  lockTimeout: 10_000,
  acquireTimeout: CALL_TIMEOUT_MS,
  retryInterval: 5,
  refreshInterval: 0,
};

/** Two mutexes, taken one after the other in sorted order; then MGET, MSET, and both released. */
class RedisSemaphoreTransfer implements System {
  #redis!: Redis;

  constructor(
    private readonly context: SystemContext,
    private readonly autoPipelining: boolean,
  ) {}

  async setup(ids: readonly string[]): Promise<void> {
    this.#redis = await connect(this.context.redisUrls[0], { autoPipelining: this.autoPipelining });
    await seedJson(this.#redis, ids);
  }

  async transfer(from: string, to: string, amount: number, call: Call): Promise<void> {
    call.attempts += 1;
    const [first, second] = from < to ? [from, to] : [to, from];
    const outer = new Mutex(this.#redis, first, LOCKING);
    const inner = new Mutex(this.#redis, second, LOCKING);
    try {
      await outer.acquire();
      await inner.acquire();
      await lockedTransfer(this.#redis, from, to, amount);
    } catch (error) {
      if (error instanceof TimeoutError) throw new GaveUpError(error);
      throw error;
    } finally {
      await Promise.all([inner.release(), outer.release()]);
    }
  }

  check(ids: readonly string[]): Promise<StoredAccount[]> {
    return readJson(this.#redis, ids);
  }

  async close(): Promise<void> {
    await this.#redis.quit();
  }
}

export const redisSemaphore: CreateSystem = (context) => new RedisSemaphoreTransfer(context, false);
export const redisSemaphoreAutoPipelined: CreateSystem = (context) =>
  new RedisSemaphoreTransfer(context, true);
