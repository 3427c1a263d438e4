import { describeIgnite, describeRedis } from '../support/describe-server.js';
import { IgniteCluster } from '../support/ignite-cluster.js';
import { describeSteps } from '../support/store-steps-suite.js';
import { onRedis, type RunningStore } from '../support/stores-bank-suite.js';

describeIgnite('a process that is killed at any step of a commit over Redis and Ignite', () => {
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

  describeRedis('which holds the record', () => {
    describeSteps(onRedis, onIgnite);
  });
});
