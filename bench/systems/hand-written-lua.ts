import type { Redis } from 'ioredis';
import { move } from '../accounts.js';
import type { Call } from './call.js';
import { bothOf, connect, parseAccount, readVersioned, seedVersioned } from './layouts.js';
import { LuaScript } from './lua-script.js';
import { retryAfterPause, retryUntilCommitted } from './retry.js';
import type { CreateSystem, StoredAccount, System, SystemContext } from './system.js';

// KEYS  the two accounts
// ARGV  the two versions read, each with its bar, then the two new values
// REPLY 1 committed, 0 conflict
const COMMIT = new LuaScript(`
if redis.call('GETRANGE', KEYS[1], 0, #ARGV[1] - 1) ~= ARGV[1] then return 0 end
if redis.call('GETRANGE', KEYS[2], 0, #ARGV[2] - 1) ~= ARGV[2] then return 0 end
redis.call('SET', KEYS[1], ARGV[3])
redis.call('SET', KEYS[2], ARGV[4])
return 1
`);

/** Optimistic concurrency by hand: MGET, then one script that validates both versions and writes. */
class HandWrittenLua implements System {
  #redis!: Redis;

  constructor(
    private readonly context: SystemContext,
    private readonly autoPipelining: boolean,
    private readonly retry = retryUntilCommitted,
  ) {}

  async setup(ids: readonly string[]): Promise<void> {
    this.#redis = await connect(this.context.redisUrls[0], { autoPipelining: this.autoPipelining });
    await seedVersioned(this.#redis, ids);
  }

  async transfer(from: string, to: string, amount: number, call: Call): Promise<void> {
    await this.retry(() => this.#attempt(from, to, amount, call));
  }

  async #attempt(from: string, to: string, amount: number, call: Call): Promise<boolean> {
    call.attempts += 1;
    const [storedSource, storedTarget] = bothOf(await this.#redis.mget(from, to), from, to);
    const sourceBar = storedSource.indexOf('|') + 1;
    const targetBar = storedTarget.indexOf('|') + 1;
    const sourceHeader = storedSource.slice(0, sourceBar);
    const targetHeader = storedTarget.slice(0, targetBar);
    const source = parseAccount(storedSource.slice(sourceBar));
    const target = parseAccount(storedTarget.slice(targetBar));
    move(source, target, amount);
    const reply = await COMMIT.run(
      this.#redis,
      [from, to],
      [sourceHeader, targetHeader, next(sourceHeader, source), next(targetHeader, target)],
    );
    return reply === 1;
  }

  check(ids: readonly string[]): Promise<StoredAccount[]> {
    return readVersioned(this.#redis, ids);
  }

  async close(): Promise<void> {
    await this.#redis.quit();
  }
}

/** `7|` and a value make `8|{…}`. */
function next(header: string, value: object): string {
  return `${Number.parseInt(header, 10) + 1}|${JSON.stringify(value)}`;
}

export const handWrittenLua: CreateSystem = (context) => new HandWrittenLua(context, true);
export const handWrittenLuaPlain: CreateSystem = (context) => new HandWrittenLua(context, false);
export const handWrittenLuaBackoff: CreateSystem = (context) =>
  new HandWrittenLua(context, true, retryAfterPause);
