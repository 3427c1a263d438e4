import { appendFileSync } from 'node:fs';
import { DistributedTxError } from '../../lib/index.js';
import { accountIds } from '../support/bank-workload.js';
import { redisSourceOf, type ServersConfig } from '../support/cluster-client.js';
import { Account } from '../support/entities.js';
import { SeededRandom } from '../support/seeded-random.js';
import { TestRuntime } from '../support/test-runtime.js';
import { endWithParent, workerConfig } from '../support/worker-process.js';

export interface TransfersWorkerConfig extends ServersConfig {
  readonly seed: number;
  readonly accounts: number;
  readonly concurrency: number;
  readonly timeoutMs: number;
  /** Gets a line `?<address>` before each commit and `=<address>` after it, even if the process dies. */
  readonly notebook: string;
}

/** Transfers between two accounts at a time, until it is killed. */
endWithParent();
const { url, cluster, ...config } = workerConfig<TransfersWorkerConfig>();
const { seed, accounts, concurrency, timeoutMs, notebook } = config;
const runtime = await TestRuntime.open({ redis: redisSourceOf({ url, cluster }) });
const repository = runtime.repository(Account);
const random = new SeededRandom(seed);
const ids = accountIds(accounts);

async function transfer(): Promise<void> {
  const [from = '', to = ''] = random.shuffle(ids);
  let address = '';
  await runtime.manager.run(
    async () => {
      const [giver, taker] = await repository.findManyOrFail([from, to]);
      await repository.save({ ...giver!, balance: giver!.balance - 1 });
      await repository.save({ ...taker!, balance: taker!.balance + 1 });
      address = runtime.manager.current()!.address;
      appendFileSync(notebook, `?${address}\n`);
    },
    { timeoutMs, retry: { attempts: 500 } },
  );
  appendFileSync(notebook, `=${address}\n`);
}

async function transferForEver(): Promise<void> {
  for (;;) {
    try {
      await transfer();
    } catch (error) {
      if (!(error instanceof DistributedTxError)) throw error;
    }
  }
}

appendFileSync(notebook, '');
process.send?.('working');
await Promise.all(Array.from({ length: concurrency }, transferForEver));
