import { describeRedis } from '../support/describe-server.js';
import { describeOnIgnite } from '../support/ignite-suite.js';
import { describeSteps } from '../support/store-steps-suite.js';
import { onRedis } from '../support/stores-bank-suite.js';

describeOnIgnite(
  'a process that is killed at any step of a commit over Redis and Ignite',
  (onIgnite) => {
    describeRedis('which holds the record', () => {
      describeSteps(onRedis, onIgnite);
    });
  },
);
