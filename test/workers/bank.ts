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
}

endWithParent();
const { url, cluster, seed, ...options } = workerConfig<BankWorkerConfig>();
const runtime = await TestRuntime.open({ redis: redisSourceOf({ url, cluster }) });
const workload = new BankWorkload({ ...options, runtime, random: new SeededRandom(seed) });
await workload.run();
await workload.resolveUnknown();
await runtime.close();
endWith(workload.report());
