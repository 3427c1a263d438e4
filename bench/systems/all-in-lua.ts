import type { Redis } from 'ioredis';
import { InsufficientFundsError, newAccount } from '../accounts.js';
import { chunksOf, connect } from './layouts.js';
import { LuaScript } from './lua-script.js';
import type { CreateSystem, StoredAccount, System, SystemContext } from './system.js';
import type { Call } from './call.js';

// KEYS  the two accounts, hashes
// ARGV  the amount
// REPLY 1 committed, 0 not enough funds
const TRANSFER = new LuaScript(`
if tonumber(redis.call('HGET', KEYS[1], 'balance')) < tonumber(ARGV[1]) then return 0 end
redis.call('HINCRBY', KEYS[1], 'balance', '-' .. ARGV[1])
redis.call('HINCRBY', KEYS[2], 'balance', ARGV[1])
return 1
`);

/** The floor: the business logic itself is a script, one round trip, no value leaves Redis. */
class AllInLua implements System {
  #redis!: Redis;

  constructor(private readonly context: SystemContext) {}

  async setup(ids: readonly string[]): Promise<void> {
    this.#redis = await connect(this.context.redisUrls[0], { autoPipelining: false });
    for (const chunk of chunksOf(ids)) {
      const pipeline = this.#redis.pipeline();
      for (const id of chunk) pipeline.hset(id, newAccount(id));
      await pipeline.exec();
    }
  }

  async transfer(from: string, to: string, amount: number, call: Call): Promise<void> {
    call.attempts += 1;
    const reply = await TRANSFER.run(this.#redis, [from, to], [String(amount)]);
    if (reply !== 1) throw new InsufficientFundsError(from);
  }

  async check(ids: readonly string[]): Promise<StoredAccount[]> {
    const stored: StoredAccount[] = [];
    for (const chunk of chunksOf(ids)) {
      const balances = await Promise.all(chunk.map((id) => this.#redis.hget(id, 'balance')));
      for (const balance of balances) stored.push({ balance: Number(balance ?? Number.NaN) });
    }
    return stored;
  }

  async close(): Promise<void> {
    await this.#redis.quit();
  }
}

export const allInLua: CreateSystem = (context) => new AllInLua(context);
