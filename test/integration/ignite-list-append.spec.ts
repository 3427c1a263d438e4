import { describeRedis } from '../support/describe-server.js';
import { describeOnIgnite } from '../support/ignite-suite.js';
import { onRedis } from '../support/stores-bank-suite.js';
import { describeHistories } from '../support/stores-list-append-suite.js';

describeOnIgnite('list-append on Ignite', (onIgnite) => {
  describeRedis('beside Redis', () => {
    describeHistories(600, onRedis, onIgnite);
  });

  describe('alone', () => {
    describeHistories(600, onIgnite);
  });
});
