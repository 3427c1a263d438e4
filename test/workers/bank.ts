import type { DurabilityOptions } from '../../lib/index.js';
import { BankWorkload } from '../support/bank-workload.js';
import { SeededRandom } from '../support/seeded-random.js';
import type { AccountPlaces } from '../support/bank-accounts.js';
import { redisSourceOf, type ServersConfig } from '../support/cluster-client.js';
import { storesOf, type StoresConfig } from '../support/store-specs.js';
import { TestRuntime } from '../support/test-runtime.js';
import { endWith, endWithParent, workerConfig } from '../support/worker-process.js';

export interface BankWorkerConfig extends ServersConfig {
  readonly seed: number;
  readonly accounts: number;
  readonly calls: number;
  readonly concurrency: number;
  readonly timeoutMs?: number;
  readonly durability?: DurabilityOptions;
  /** Instead of a Redis. */
  readonly stores?: StoresConfig;
  readonly places?: AccountPlaces;
}

endWithParent();
const { seed, durability, ...config } = workerConfig<BankWorkerConfig>();
const { accounts, calls, concurrency, timeoutMs, stores, places = 'default' } = config;
const runtime = await TestRuntime.open({
  ...(stores ? { stores: storesOf(stores) } : { redis: redisSourceOf(config) }),
  ...(durability ? { durability } : {}),
});
const random = new SeededRandom(seed);
const options = { accounts, calls, concurrency, places, ...(timeoutMs ? { timeoutMs } : {}) };
const workload = new BankWorkload({ ...options, runtime, random });
process.once('message', () => workload.stop());
await workload.run();
await workload.resolveUnknown();
await runtime.close();
endWith(workload.report());
