import { List, Tally } from '../support/entities.js';
import { redisSourceOf, type ServersConfig } from '../support/cluster-client.js';
import { TestRuntime } from '../support/test-runtime.js';
import { endWithParent, workerConfig } from '../support/worker-process.js';

export interface PairsWorkerConfig extends ServersConfig {
  readonly name: string;
}

/** Inserts two items at a time and counts them, until it is killed. */
endWithParent();
const { url, cluster, name } = workerConfig<PairsWorkerConfig>();
const runtime = await TestRuntime.open({ redis: redisSourceOf({ url, cluster }) });
const lists = runtime.repository(List);
const tallies = runtime.repository(Tally);

async function insertPairs(index: number): Promise<void> {
  for (let nth = 0; ; nth += 1) {
    await runtime.manager.run(async () => {
      await lists.insert({ id: `left-${name}-${index}-${nth}`, values: [] });
      await tallies.increment('pairs', 'count', 1);
      await lists.insert({ id: `right-${name}-${index}-${nth}`, values: [] });
    });
    process.send?.('inserted');
  }
}

await Promise.all([0, 1, 2, 3].map(insertPairs));
