import type { Redis } from 'ioredis';
import type { Call } from '../call.js';
import { connect } from '../layouts.js';
import { LuaScript } from '../lua-script.js';
import { retryAfterPause, retryUntilCommitted } from '../retry.js';
import type { SystemContext } from '../system.js';
import {
  type Amounts,
  type CreateItemSystem,
  type ItemSystem,
  keyOf,
  newItem,
  type Work,
} from './item-system.js';
import { amountsOf, keysOf } from './json-values.js';
import { seedItems } from './stored-amounts.js';

// KEYS  the items read, then those written
// ARGV  how many were read, the versions read, each with its bar, then the new values
// REPLY 1 committed, 0 conflict
const COMMIT = new LuaScript(`
local reads = tonumber(ARGV[1])
for nth = 1, reads do
  local version = ARGV[nth + 1]
  if redis.call('GETRANGE', KEYS[nth], 0, #version - 1) ~= version then return 0 end
end
for nth = reads + 1, #KEYS do redis.call('SET', KEYS[nth], ARGV[nth + 1]) end
return 1
`);

/** `version|json`: MGET, then one script that validates every version read, and writes. */
class HandWrittenLua implements ItemSystem {
  #redis!: Redis;

  constructor(
    private readonly context: SystemContext,
    private readonly retry: typeof retryUntilCommitted,
  ) {}

  async setup(items: Amounts): Promise<void> {
    this.#redis = await connect(this.context.redisUrls[0], { autoPipelining: true });
    await seedItems(this.#redis, items, (json) => `1|${json}`);
  }

  async run(work: Work, call: Call): Promise<boolean> {
    let declined = false;
    await this.retry(async () => {
      call.attempts += 1;
      const values = await this.#redis.mget(keysOf(work));
      const bars = values.map((value) => (value ?? '').indexOf('|') + 1);
      const headers = values.map((value, nth) => (value ?? '').slice(0, bars[nth]));
      const jsons = values.map((value, nth) => value?.slice(bars[nth]) ?? null);
      const writes = work.decide(amountsOf(work, jsons));
      declined = writes === undefined;
      // What one MGET has read needs no validation when nothing is written.
      if (writes === undefined || writes.size === 0) return true;
      return this.#commit(work, headers, writes);
    });
    return !declined;
  }

  async #commit(work: Work, headers: readonly string[], writes: Amounts): Promise<boolean> {
    const versions = new Map(work.reads.map((id, nth) => [id, Number.parseInt(headers[nth]!, 10)]));
    const values = [...writes].map(
      ([id, amount]) => `${(versions.get(id) ?? 0) + 1}|${JSON.stringify(newItem(id, amount))}`,
    );
    const keys = [...keysOf(work), ...[...writes.keys()].map(keyOf)];
    const args = [String(headers.length), ...headers, ...values];
    return (await COMMIT.run(this.#redis, keys, args)) === 1;
  }

  async close(): Promise<void> {
    await this.#redis.quit();
  }
}

export const handWrittenLua: CreateItemSystem = (context) =>
  new HandWrittenLua(context, retryUntilCommitted);
export const handWrittenLuaBackoff: CreateItemSystem = (context) =>
  new HandWrittenLua(context, retryAfterPause);
