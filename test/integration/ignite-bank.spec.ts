import { describeRedis } from '../support/describe-server.js';
import { describeOnIgnite } from '../support/ignite-suite.js';
import { describeBank, onRedis } from '../support/stores-bank-suite.js';

describeOnIgnite('Ignite', (onIgnite) => {
  describe('alone has a bank, which', () => {
    describeBank(250, onIgnite);
  });
  describeRedis('beside Redis has a bank over both, which', () => {
    describeBank(250, onRedis, onIgnite);
  });
});
