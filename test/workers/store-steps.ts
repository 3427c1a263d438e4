import { appendFileSync } from 'node:fs';
import { FarAccount } from '../support/bank-accounts.js';
import { CrashPoints, type CrashPoint } from '../support/crash-point.js';
import { Account } from '../support/entities.js';
import { storesOf, type StoresConfig } from '../support/store-specs.js';
import { TestRuntime } from '../support/test-runtime.js';
import { endWith, endWithParent, workerConfig } from '../support/worker-process.js';

export interface StoreStepsConfig {
  readonly stores: StoresConfig;
  /** Of one account in each store. */
  readonly id: string;
  readonly timeoutMs: number;
  readonly crashAt?: CrashPoint;
  /** Gets the end as the caller was told it, even if the process dies then. */
  readonly told: string;
}

/** One transfer between two stores, at one step of which the process dies; reports all steps where it does not. */
endWithParent();
const { stores, id, timeoutMs, crashAt, told } = workerConfig<StoreStepsConfig>();
const runtime = await TestRuntime.open({
  stores: storesOf(stores),
  recovery: { enabled: false },
});
const points = new CrashPoints(crashAt);
points.watchStores(runtime);
const near = runtime.repository(Account);
const far = runtime.repository(FarAccount);
try {
  await runtime.manager.run(
    async () => {
      const [from, to] = [await near.findOneOrFail(id), await far.findOneOrFail(id)];
      await near.save({ ...from, balance: from.balance - 1 });
      await far.save({ ...to, balance: to.balance + 1 });
      points.arm();
    },
    { timeoutMs, retry: { attempts: 1 } },
  );
  appendFileSync(told, 'committed');
} catch (error) {
  appendFileSync(told, (error as Error).name);
}
await runtime.close();
endWith(points.calls);
