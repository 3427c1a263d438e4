import { describeMemcached, describeRedis } from '../support/describe-server.js';
import { onMemcached, onRedis } from '../support/stores-bank-suite.js';
import { describeHistories } from '../support/stores-list-append-suite.js';

describeRedis('list-append over two stores', () => {
  describe('of Redis and another Redis', () => {
    describeHistories(2000, onRedis, onRedis);
  });
  describeMemcached('of Redis and Memcached', () => {
    describeHistories(2000, onRedis, onMemcached);
  });
});

describeMemcached('list-append on Memcached', () => {
  describeHistories(2000, onMemcached);
});
