import { describeMemcached, describeRedis } from '../support/describe-server.js';
import { describeBank, onMemcached, onRedis } from '../support/stores-bank-suite.js';

describeRedis('a bank over two stores', () => {
  describe('of Redis and another Redis', () => {
    describeBank(1500, onRedis, onRedis);
  });
  describeMemcached('of Redis and Memcached', () => {
    describeBank(1000, onRedis, onMemcached);
  });
});

describeMemcached('a bank on Memcached', () => {
  describeBank(1500, onMemcached);
});
