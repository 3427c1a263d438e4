import { ignite } from 'nestjs-distributed-tx/ignite';
import { memcached } from 'nestjs-distributed-tx/memcached';
import { Account, NestjsDistributedTx } from './nestjs-distributed-tx.js';
import type { CreateSystem, SystemContext } from './system.js';

/** What an earlier measurement has left is not met again. */
const keyPrefix = `bench-${process.pid}:`;

const onMemcached = ({ cacheServers = [] }: SystemContext) => ({
  keyPrefix,
  stores: { default: memcached({ servers: cacheServers }) },
});
const onIgnite = ({ cacheServers = [] }: SystemContext) => ({
  keyPrefix,
  stores: { default: ignite({ endpoints: cacheServers }) },
});

export const nestjsDistributedTxMemcached: CreateSystem = (context) =>
  new NestjsDistributedTx(context, Account, { where: onMemcached });
export const nestjsDistributedTxIgnite: CreateSystem = (context) =>
  new NestjsDistributedTx(context, Account, { where: onIgnite });
