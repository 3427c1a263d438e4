import { describeIgnite, describeRedis } from '../support/describe-server.js';
import { IgniteCluster } from '../support/ignite-cluster.js';
import { describeBank, onRedis, type RunningStore } from '../support/stores-bank-suite.js';

describeIgnite('Ignite', () => {
  let cluster: IgniteCluster;

  beforeAll(async () => {
    cluster = await IgniteCluster.start();
  }, 90_000);

  afterAll(async () => {
    await cluster.stop();
  });

  // One cluster for both banks, whose accounts have other keys; it takes long to start.
  async function onIgnite(): Promise<RunningStore> {
    return { spec: { ignite: cluster.endpoints }, stop: async () => undefined };
  }

  describe('alone has a bank, which', () => {
    describeBank(250, onIgnite);
  });
  describeRedis('beside Redis has a bank over both, which', () => {
    describeBank(250, onRedis, onIgnite);
  });
});
