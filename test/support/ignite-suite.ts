import { describeIgnite } from './describe-server.js';
import { IgniteCluster } from './ignite-cluster.js';
import type { RunningStore, StartStore } from './stores-bank-suite.js';

/** Describes with one cluster for the whole suite, as it takes long to start: its tests share the cache. */
export function describeOnIgnite(name: string, body: (onIgnite: StartStore) => void): void {
  describeIgnite(name, () => {
    let cluster: IgniteCluster;

    beforeAll(async () => {
      cluster = await IgniteCluster.start();
    }, 90_000);

    afterAll(async () => {
      await cluster.stop();
    });

    async function onIgnite(): Promise<RunningStore> {
      return { spec: { ignite: cluster.endpoints }, stop: async () => undefined };
    }

    body(onIgnite);
  });
}
