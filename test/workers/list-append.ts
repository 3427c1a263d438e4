import { ListAppendWorkload } from '../support/list-append-workload.js';
import { SeededRandom } from '../support/seeded-random.js';
import { redisSourceOf, type ServersConfig } from '../support/cluster-client.js';
import type { ListPlaces } from '../support/placed-lists.js';
import { storesOf, type StoresConfig } from '../support/store-specs.js';
import { TestRuntime } from '../support/test-runtime.js';
import { endWith, endWithParent, workerConfig } from '../support/worker-process.js';

/** Works, says so, and asks for unknown outcomes when it is told that the faults are over. */
export interface ListAppendWorkerConfig extends ServersConfig {
  readonly commandTimeoutMs: number;
  readonly seed: number;
  readonly transactions: number;
  readonly concurrency: number;
  readonly worker: { readonly index: number; readonly count: number };
  readonly timeoutMs: number;
  readonly shortTimeoutMs?: number;
  /** Instead of a Redis. */
  readonly stores?: StoresConfig;
  readonly places?: ListPlaces;
}

endWithParent();
const { url, cluster, stores, commandTimeoutMs, seed, ...options } =
  workerConfig<ListAppendWorkerConfig>();
const runtime = await TestRuntime.open({
  ...(stores ? { stores: storesOf(stores) } : { redis: redisSourceOf({ url, cluster }) }),
  commandTimeoutMs,
});
const workload = new ListAppendWorkload({ ...options, runtime, random: new SeededRandom(seed) });

function told(word: string): Promise<void> {
  return new Promise((resolve) => {
    process.on('message', (message) => {
      if (message === word) resolve();
    });
  });
}

const [go, healed] = [told('go'), told('healed')];
process.send?.('ready');
await go;
await workload.run();
process.send?.('done');
await healed;
await workload.resolveUnknown();
await runtime.close();
endWith(workload.report());
