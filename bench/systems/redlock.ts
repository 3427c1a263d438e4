import type { Redis } from 'ioredis';
import Redlock, { ExecutionError, type Lock } from 'redlock';
import { type Call, CALL_TIMEOUT_MS, GaveUpError } from './call.js';
import { connect, readJson, seedJson } from './layouts.js';
import { lockedTransfer } from './locked-transfer.js';
import type { CreateSystem, StoredAccount, System, SystemContext } from './system.js';

const LOCK_MS = 10_000;

/**
 * A lock is held for a few milliseconds, so waiting for it is far shorter than the package's default
 * of 200 ms, which would dominate the tail; and a call waits for as long as it may take.
 */
const WAITING = { retryCount: CALL_TIMEOUT_MS / 5, retryDelay: 5, retryJitter: 4 };

/** One lock over several ids, taken in one step and in sorted order. */
export class LockOfRedlock {
  readonly #redlock: Redlock;

  constructor(redis: Redis) {
    this.#redlock = new Redlock([redis], WAITING);
  }

  /** @throws GaveUpError when others held it for as long as a call may take. */
  async hold<T>(ids: readonly string[], work: () => Promise<T>): Promise<T> {
    const lock = await this.#acquire(ids.map((id) => `lock:${id}`).sort());
    try {
      return await work();
    } finally {
      await lock.release();
    }
  }

  async #acquire(resources: string[]): Promise<Lock> {
    try {
      return await this.#redlock.acquire(resources, LOCK_MS);
    } catch (error) {
      if (error instanceof ExecutionError) throw new GaveUpError(error);
      throw error;
    }
  }
}

/** Both accounts locked; then MGET, MSET, release. */
class RedlockTransfer implements System {
  #redis!: Redis;
  #lock!: LockOfRedlock;

  constructor(
    private readonly context: SystemContext,
    private readonly autoPipelining: boolean,
  ) {}

  async setup(ids: readonly string[]): Promise<void> {
    this.#redis = await connect(this.context.redisUrls[0], { autoPipelining: this.autoPipelining });
    this.#lock = new LockOfRedlock(this.#redis);
    await seedJson(this.#redis, ids);
  }

  async transfer(from: string, to: string, amount: number, call: Call): Promise<void> {
    call.attempts += 1;
    await this.#lock.hold([from, to], () => lockedTransfer(this.#redis, from, to, amount));
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
