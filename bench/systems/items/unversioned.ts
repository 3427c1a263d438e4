import type { Redis } from 'ioredis';
import { connect } from '../layouts.js';
import type { Call } from '../call.js';
import { LockOfRedlock } from '../redlock.js';
import type { SystemContext } from '../system.js';
import type { Amounts, CreateItemSystem, ItemSystem, Work } from './item-system.js';
import { amountsOf, keysOf, msetArguments } from './json-values.js';
import { seedItems } from './stored-amounts.js';

/** JSON alone; MGET and MSET with nothing between: wrong on purpose. It shows that the check can see. */
class NoControl implements ItemSystem {
  protected redis!: Redis;

  constructor(
    private readonly context: SystemContext,
    private readonly autoPipelining: boolean,
  ) {}

  async setup(items: Amounts): Promise<void> {
    this.redis = await connect(this.context.redisUrls[0], { autoPipelining: this.autoPipelining });
    await seedItems(this.redis, items, (json) => json);
  }

  async run(work: Work, call: Call): Promise<boolean> {
    call.attempts += 1;
    const writes = work.decide(amountsOf(work, await this.redis.mget(keysOf(work))));
    if (writes === undefined) return false;
    if (writes.size > 0) await this.redis.mset(msetArguments(writes));
    return true;
  }

  async close(): Promise<void> {
    await this.redis.quit();
  }
}

/** The same while one lock over all items read is held, taken in one step and in sorted order. */
class Redlocked extends NoControl {
  #lock!: LockOfRedlock;

  override async setup(items: Amounts): Promise<void> {
    await super.setup(items);
    this.#lock = new LockOfRedlock(this.redis);
  }

  override run(work: Work, call: Call): Promise<boolean> {
    return this.#lock.hold(work.reads, () => super.run(work, call));
  }
}

export const noControl: CreateItemSystem = (context) => new NoControl(context, true);
export const redlock: CreateItemSystem = (context) => new Redlocked(context, false);
