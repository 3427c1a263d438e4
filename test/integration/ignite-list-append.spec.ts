import { describeIgnite, describeRedis } from '../support/describe-server.js';
import { IgniteCluster } from '../support/ignite-cluster.js';
import { onRedis, type RunningStore } from '../support/stores-bank-suite.js';
import { describeHistories } from '../support/stores-list-append-suite.js';

describeIgnite('list-append on Ignite', () => {
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

  describeRedis('beside Redis', () => {
    describeHistories(600, onRedis, onIgnite);
  });

  describe('alone', () => {
    describeHistories(600, onIgnite);
  });
});
