import type { DurabilityOptions } from '../../lib/index.js';
import { BankWorkload } from '../support/bank-workload.js';
import { SeededRandom } from '../support/seeded-random.js';
import { redisSourceOf, type ServersConfig } from '../support/cluster-client.js';
import { storesOf, type StoreSpecs } from '../support/store-specs.js';
import { TestRuntime } from '../support/test-runtime.js';
import { endWith, endWithParent, workerConfig } from '../support/worker-process.js';

export interface BankWorkerConfig extends ServersConfig {
  readonly seed: number;
  readonly accounts: number;
  readonly calls: number;
  readonly concurrency: number;
  readonly timeoutMs?: number;
  readonly durability?: DurabilityOptions;
  /** Instead of Redis alone; with two of them every second account lies in `far`. */
  readonly stores?: StoreSpecs;
}

endWithParent();
const { seed, durability, ...config } = workerConfig<BankWorkerConfig>();
const { accounts, calls, concurrency, timeoutMs } = config;
const { stores } = config;
const where = stores ? { stores: storesOf(stores) } : { redis: redisSourceOf(config) };
const runtime = await TestRuntime.open({ ...where, ...(durability ? { durability } : {}) });
const isSplit = Object.keys(stores ?? {}).length > 1;
const random = new SeededRandom(seed);
const options = { accounts, calls, concurrency, isSplit, ...(timeoutMs ? { timeoutMs } : {}) };
const workload = new BankWorkload({ ...options, runtime, random });
process.once('message', () => workload.stop());
await workload.run();
await workload.resolveUnknown();
await runtime.close();
endWith(workload.report());
