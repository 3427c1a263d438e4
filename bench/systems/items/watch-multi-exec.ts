import type { Redis } from 'ioredis';
import type { Pool } from 'generic-pool';
import type { Call } from '../call.js';
import { retryUntilCommitted } from '../retry.js';
import type { SystemContext } from '../system.js';
import { openConnectionPool } from '../watch-multi-exec.js';
import type { Amounts, CreateItemSystem, ItemSystem, Work } from './item-system.js';
import { amountsOf, keysOf, msetArguments } from './json-values.js';
import { seedItems } from './stored-amounts.js';

/** WATCH and MGET, then MULTI … EXEC, on a connection of its own per call in flight. */
class WatchMultiExec implements ItemSystem {
  readonly #pool: Pool<Redis>;

  constructor(context: SystemContext) {
    this.#pool = openConnectionPool(context);
  }

  async setup(items: Amounts): Promise<void> {
    await this.#pool.use((redis) => seedItems(redis, items, (json) => json));
  }

  async run(work: Work, call: Call): Promise<boolean> {
    const redis = await this.#pool.acquire();
    let declined = false;
    try {
      await retryUntilCommitted(async () => {
        call.attempts += 1;
        const keys = keysOf(work);
        const [, values] = await Promise.all([redis.watch(keys), redis.mget(keys)]);
        const writes = work.decide(amountsOf(work, values));
        declined = writes === undefined;
        if (writes === undefined || writes.size === 0) {
          await redis.unwatch();
          return true;
        }
        const replies = await redis.multi().mset(msetArguments(writes)).exec();
        return replies !== null;
      });
    } finally {
      await this.#pool.release(redis);
    }
    return !declined;
  }

  async close(): Promise<void> {
    await this.#pool.drain();
    await this.#pool.clear();
  }
}

export const watchMultiExec: CreateItemSystem = (context) => new WatchMultiExec(context);
