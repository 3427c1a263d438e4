import { appendFileSync } from 'node:fs';
import { CrashPoints, type CrashPoint } from '../support/crash-point.js';
import { MoneyClient, type MoneyConfig, type Posting, type Side } from '../support/money-client.js';
import { endWith, endWithParent, workerConfig } from '../support/worker-process.js';

export interface DatabaseStepsConfig extends MoneyConfig {
  readonly id: string;
  readonly postings: readonly Posting[];
  /** Noted twice there, which the database refuses when it is asked to commit or to prepare. */
  readonly vetoedBy?: Side;
  readonly timeoutMs: number;
  readonly crashAt?: CrashPoint;
  /** Gets the end as the caller was told it, even if the process dies then. */
  readonly told: string;
}

/** One transfer, at one step of which the process dies; reports all steps where it does not. */
endWithParent();
const config = workerConfig<DatabaseStepsConfig>();
const { id, postings, vetoedBy, timeoutMs, crashAt, told } = config;
const client = await MoneyClient.open({ ...config, recovers: false });
const points = new CrashPoints(crashAt);
points.watch(client);
try {
  await client.runtime.manager.run(
    async () => {
      if (vetoedBy !== undefined) await client.note(vetoedBy, id);
      await client.transfer(id, postings, { timeoutMs });
      points.arm();
    },
    { timeoutMs, retry: { attempts: 1 } },
  );
  appendFileSync(told, 'committed');
} catch (error) {
  appendFileSync(told, (error as Error).name);
}
await client.close();
endWith(points.calls);
