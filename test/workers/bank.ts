import type { DurabilityOptions } from '../../lib/index.js';
import { BankWorkload } from '../support/bank-workload.js';
import { SeededRandom } from '../support/seeded-random.js';
import { redisSourceOf, type ServersConfig } from '../support/cluster-client.js';
import { TestRuntime } from '../support/test-runtime.js';
import { endWith, endWithParent, workerConfig } from '../support/worker-process.js';

export interface BankWorkerConfig extends ServersConfig {
  readonly seed: number;
  readonly accounts: number;
  readonly calls: number;
  readonly concurrency: number;
  readonly timeoutMs?: number;
  readonly durability?: DurabilityOptions;
}

endWithParent();
const { seed, durability, ...config } = workerConfig<BankWorkerConfig>();
const { accounts, calls, concurrency, timeoutMs } = config;
const redis = redisSourceOf(config);
const runtime = await TestRuntime.open({ redis, ...(durability ? { durability } : {}) });
const random = new SeededRandom(seed);
const options = { accounts, calls, concurrency, ...(timeoutMs ? { timeoutMs } : {}) };
const workload = new BankWorkload({ ...options, runtime, random });
process.once('message', () => workload.stop());
await workload.run();
await workload.resolveUnknown();
await runtime.close();
endWith(workload.report());
