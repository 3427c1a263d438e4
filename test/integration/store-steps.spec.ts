import { describeMemcached, describeRedis } from '../support/describe-server.js';
import { describeSteps } from '../support/store-steps-suite.js';
import { onMemcached, onRedis } from '../support/stores-bank-suite.js';

describeRedis('a process that is killed at any step of a commit over two stores', () => {
  describe('of Redis and another Redis', () => {
    describeSteps(onRedis, onRedis);
  });
  describeMemcached('of Redis and Memcached', () => {
    describeSteps(onRedis, onMemcached);
  });
});
