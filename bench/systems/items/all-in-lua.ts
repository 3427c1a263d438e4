import type { Redis } from 'ioredis';
import type { Call } from '../call.js';
import { connect } from '../layouts.js';
import type { SystemContext } from '../system.js';
import {
  type Amounts,
  type CreateItemSystem,
  type ItemSystem,
  keyOf,
  type Work,
} from './item-system.js';
import { seedItems } from './stored-amounts.js';

/** The floor: the business logic itself is a script, one round trip. */
class AllInLua implements ItemSystem {
  #redis!: Redis;

  constructor(private readonly context: SystemContext) {}

  async setup(items: Amounts): Promise<void> {
    this.#redis = await connect(this.context.redisUrls[0], { autoPipelining: false });
    await seedItems(this.#redis, items, (json) => json);
  }

  async run(work: Work, call: Call): Promise<boolean> {
    call.attempts += 1;
    const { script, inserts = [], args = [] } = work.inLua;
    const keys = [...work.reads, ...inserts].map(keyOf);
    const amounts = (await script.run(this.#redis, keys, args.map(String))) as number[];
    // What the script has done already: the bench has to know it, and holds it against what is left.
    return work.decide(amounts) !== undefined;
  }

  async close(): Promise<void> {
    await this.#redis.quit();
  }
}

export const allInLua: CreateItemSystem = (context) => new AllInLua(context);
