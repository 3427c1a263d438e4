import type { Redis } from 'ioredis';
import { move } from '../accounts.js';
import { bothOf, connect, parseAccount, readJson, seedJson } from './layouts.js';
import type { CreateSystem, StoredAccount, System, SystemContext } from './system.js';
import type { Call } from './call.js';

/** MGET and two SETs with nothing between: wrong on purpose. It shows that the check can see. */
class NoControl implements System {
  #redis!: Redis;

  constructor(private readonly context: SystemContext) {}

  async setup(ids: readonly string[]): Promise<void> {
    this.#redis = await connect(this.context.redisUrls[0], { autoPipelining: true });
    await seedJson(this.#redis, ids);
  }

  async transfer(from: string, to: string, amount: number, call: Call): Promise<void> {
    call.attempts += 1;
    const [sourceJson, targetJson] = bothOf(await this.#redis.mget(from, to), from, to);
    const source = parseAccount(sourceJson);
    const target = parseAccount(targetJson);
    move(source, target, amount);
    await Promise.all([
      this.#redis.set(from, JSON.stringify(source)),
      this.#redis.set(to, JSON.stringify(target)),
    ]);
  }

  check(ids: readonly string[]): Promise<StoredAccount[]> {
    return readJson(this.#redis, ids);
  }

  async close(): Promise<void> {
    await this.#redis.quit();
  }
}

export const noControl: CreateSystem = (context) => new NoControl(context);
