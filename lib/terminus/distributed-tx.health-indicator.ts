import { Injectable } from '@nestjs/common';
import { HealthIndicatorService, type HealthIndicatorResult } from '@nestjs/terminus';
import { DistributedTxRuntime } from '../module/distributed-tx.runtime.js';
import type { VersionedStore } from '../store/versioned-store.js';

export interface DistributedTxHealthOptions {
  /** How long the stores may take to answer, in milliseconds. @default 1000 */
  readonly timeoutMs?: number;
}

/**
 * Tells @nestjs/terminus whether every store of `DistributedTxModule` answers. Provide it in the module
 * of the health controller, beside `TerminusModule`:
 *
 * `health.check([() => this.distributedTx.isHealthy()])`
 */
@Injectable()
export class DistributedTxHealthIndicator {
  constructor(
    private readonly indicators: HealthIndicatorService,
    private readonly runtime: DistributedTxRuntime,
  ) {}

  /** Asks all stores at once. Never rejects: a store that does not answer is `down`, by its name. */
  async isHealthy<const Key extends string = 'distributed-tx'>(
    key: Key = 'distributed-tx' as Key,
    { timeoutMs = 1000 }: DistributedTxHealthOptions = {},
  ): Promise<HealthIndicatorResult<Key>> {
    const indicator = this.indicators.check(key);
    const reasons = await Promise.all(
      [...this.runtime.stores.values()].map(
        async (store): Promise<[string, string | undefined]> => [
          store.name,
          await this.#whyDown(store, timeoutMs),
        ],
      ),
    );
    const stores = Object.fromEntries(
      reasons.map(([name, reason]) => [name, reason === undefined ? 'up' : 'down']),
    );
    const down = reasons.filter(([, reason]) => reason !== undefined);
    if (down.length === 0) return indicator.up({ stores });
    const message = down.map(([name, reason]) => `Store ${name}: ${reason}`).join(' ');
    return indicator.down({ message, stores });
  }

  /** A store of the user's own may know no deadline, so it is not left to the store alone. */
  async #whyDown(store: VersionedStore, timeoutMs: number): Promise<string | undefined> {
    const { clock } = this.runtime;
    let cancel = (): void => undefined;
    const timedOut = new Promise<string>((resolve) => {
      cancel = clock.schedule(timeoutMs, () => resolve(`no answer within ${timeoutMs} ms.`));
    });
    try {
      return await Promise.race([this.#ping(store, clock.now() + timeoutMs), timedOut]);
    } finally {
      cancel();
    }
  }

  async #ping(store: VersionedStore, until: number): Promise<string | undefined> {
    try {
      await store.ping(until);
      return undefined;
    } catch (error) {
      return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    }
  }
}
