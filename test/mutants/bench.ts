import type { DistributedTxRuntime } from '../../lib/module/distributed-tx.runtime.js';
import { systemClock } from '../../lib/store/clock.js';
import type { TransactionAddress } from '../../lib/store/transaction-address.js';
import type {
  CommitItem,
  ItemChange,
  OnePhaseCommit,
  VersionedStore,
} from '../../lib/store/versioned-store.js';
import type { TxRepository } from '../../lib/repository/tx-repository.js';
import type { TransactionManager } from '../../lib/transaction/transaction-manager.js';
import { Account } from '../support/entities.js';
import type { SeededRandom } from '../support/seeded-random.js';
import { TestRuntime } from '../support/test-runtime.js';

export type Runtime = DistributedTxRuntime;

/** One store with what the checks need around it; every check draws ids that nobody else has. */
export class Bench {
  #ids = 0;

  private constructor(
    readonly url: string | undefined,
    readonly keyPrefix: string,
    readonly runtime: TestRuntime,
    readonly random: SeededRandom,
  ) {}

  static async open(
    url: string | undefined,
    keyPrefix: string,
    random: SeededRandom,
  ): Promise<Bench> {
    const store = url === undefined ? { store: 'embedded' as const } : { redis: url };
    return new Bench(url, keyPrefix, await TestRuntime.open({ ...store, keyPrefix }), random);
  }

  get store(): VersionedStore {
    return this.runtime.store;
  }

  get manager(): TransactionManager {
    return this.runtime.manager;
  }

  get accounts(): TxRepository<Account> {
    return this.runtime.repository(Account);
  }

  /** Local time that a step may take at most. */
  get until(): number {
    return systemClock.now() + 3000;
  }

  id(): string {
    this.#ids += 1;
    return `x${this.#ids}`;
  }

  keyOf(id: string): string {
    return `${this.keyPrefix}account:${id}`;
  }

  address(lifetimeMs = 3000): TransactionAddress {
    const now = this.store.toNodeTime(systemClock.now());
    return {
      id: `bench${this.keyPrefix.replace(/\W/g, '')}${this.id()}`,
      home: this.store.homeOf([]),
      deadlineAtMs: Math.ceil(now + lifetimeMs),
    };
  }

  commit(items: readonly CommitItem[], address = this.address()): OnePhaseCommit {
    return { address, items, record: '"bench":true', sent: false };
  }

  /** What stands under the key of an account: its version, its counters, its payload. */
  async stored(id: string): Promise<string | undefined> {
    const { items } = await this.store.read([this.keyOf(id)], this.until);
    const item = items[0];
    if (item === undefined) return undefined;
    return item.kind === 'foreign'
      ? item.value
      : `${item.version}|${item.counters}|${item.payload}`;
  }

  async versionOf(id: string): Promise<string> {
    return (await this.stored(id))?.split('|')[0] ?? '0';
  }

  /** Runs once, without any retry. */
  once<T>(work: () => Promise<T>): Promise<T> {
    return this.manager.run(work, { retry: { attempts: 1 }, propagation: 'REQUIRES_NEW' });
  }
}

export function write(payload = '{}', counters = '1'): ItemChange {
  return { kind: 'write', counters, payload, ttlMs: undefined };
}

export function add(by: number, min?: number): ItemChange {
  return {
    kind: 'increment',
    increments: [{ index: 0, by, min, max: undefined }],
    ttlMs: undefined,
  };
}

/** @throws with both values when they differ. */
export function equal(actual: unknown, expected: unknown): void {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (a !== b) throw new Error(`${a} instead of ${b}`);
}

/** @throws when the call resolves. */
export async function rejects(call: Promise<unknown>): Promise<void> {
  const value = await call.then(
    (resolved: unknown) => ({ resolved }),
    () => undefined,
  );
  if (value !== undefined) throw new Error(`It resolved with ${JSON.stringify(value.resolved)}.`);
}
