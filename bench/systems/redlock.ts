import type { Redis } from 'ioredis';
import Redlock from 'redlock';
import { connect, readJson, seedJson } from './layouts.js';
import { lockedTransfer } from './locked-transfer.js';
import type { CreateSystem, StoredAccount, System, SystemContext } from './system.js';

const LOCK_MS = 10_000;

/**
 * A lock is held for a few milliseconds, so waiting for it is far shorter than the package's default
 * of 200 ms, which would dominate the tail; and a transfer waits rather than give up.
 */
const WAITING = { retryCount: 1000, retryDelay: 5, retryJitter: 4 };

/** One lock over both accounts, taken in one step and in sorted order; then MGET, MSET, release. */
class RedlockTransfer implements System {
  attempts = 0;
  #redis!: Redis;
  #redlock!: Redlock;

  constructor(
    private readonly context: SystemContext,
    private readonly autoPipelining: boolean,
  ) {}

  async setup(ids: readonly string[]): Promise<void> {
    this.#redis = await connect(this.context.redisUrls[0], { autoPipelining: this.autoPipelining });
    this.#redlock = new Redlock([this.#redis], WAITING);
    await seedJson(this.#redis, ids);
  }

  async transfer(from: string, to: string, amount: number): Promise<void> {
    this.attempts += 1;
    const resources = from < to ? [`lock:${from}`, `lock:${to}`] : [`lock:${to}`, `lock:${from}`];
    const lock = await this.#redlock.acquire(resources, LOCK_MS);
    try {
      await lockedTransfer(this.#redis, from, to, amount);
    } finally {
      await lock.release();
    }
  }

  check(ids: readonly string[]): Promise<StoredAccount[]> {
    return readJson(this.#redis, ids);
  }

  async close(): Promise<void> {
    await this.#redis.quit();
  }
}

export const redlock: CreateSystem = (context) => new RedlockTransfer(context, false);
export const redlockAutoPipelined: CreateSystem = (context) => new RedlockTransfer(context, true);
