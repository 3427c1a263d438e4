import type { CreateItemSystem } from './items/item-system.js';
import type { CreateSystem } from './system.js';

/** Each measurement loads its own system and none of the others. */
type LoadSystem<C = CreateSystem> = () => Promise<C>;

/** The systems of `transfer-uniform`, in the order of the table. */
export const ONE_REDIS_SYSTEMS = {
  'nestjs-distributed-tx': async () =>
    (await import('./nestjs-distributed-tx.js')).nestjsDistributedTx,
  'store-calls-by-hand': async () => (await import('./store-calls-by-hand.js')).storeCallsByHand,
  'hand-written-lua': async () => (await import('./hand-written-lua.js')).handWrittenLua,
  'hand-written-lua-plain': async () => (await import('./hand-written-lua.js')).handWrittenLuaPlain,
  'watch-multi-exec': async () => (await import('./watch-multi-exec.js')).watchMultiExec,
  redlock: async () => (await import('./redlock.js')).redlock,
  'redis-semaphore': async () => (await import('./redis-semaphore.js')).redisSemaphore,
  'redlock-auto-pipelined': async () => (await import('./redlock.js')).redlockAutoPipelined,
  'redis-semaphore-auto-pipelined': async () =>
    (await import('./redis-semaphore.js')).redisSemaphoreAutoPipelined,
  'all-in-lua': async () => (await import('./all-in-lua.js')).allInLua,
  'no-control': async () => (await import('./no-control.js')).noControl,
} as const satisfies Record<string, LoadSystem>;

/** The systems of `transfer-zipf`, in the order of the table. */
export const HOT_SYSTEMS = {
  'nestjs-distributed-tx': ONE_REDIS_SYSTEMS['nestjs-distributed-tx'],
  'nestjs-distributed-tx-no-hand-over': async () =>
    (await import('./nestjs-distributed-tx.js')).nestjsDistributedTxNoHandOver,
  'hand-written-lua-backoff': async () =>
    (await import('./hand-written-lua.js')).handWrittenLuaBackoff,
  'hand-written-lua': ONE_REDIS_SYSTEMS['hand-written-lua'],
  'watch-multi-exec': ONE_REDIS_SYSTEMS['watch-multi-exec'],
  redlock: ONE_REDIS_SYSTEMS.redlock,
  'redis-semaphore': ONE_REDIS_SYSTEMS['redis-semaphore'],
  'all-in-lua': ONE_REDIS_SYSTEMS['all-in-lua'],
  'no-control': ONE_REDIS_SYSTEMS['no-control'],
} as const satisfies Record<string, LoadSystem>;

/** The systems of `hot-counter`, in the order of the table. */
export const COUNTER_SYSTEMS = {
  'nestjs-distributed-tx-increment': async () =>
    (await import('./nestjs-distributed-tx.js')).nestjsDistributedTxIncrement,
  'nestjs-distributed-tx': ONE_REDIS_SYSTEMS['nestjs-distributed-tx'],
  'hand-written-delta': ONE_REDIS_SYSTEMS['all-in-lua'],
  'hand-written-lua-backoff': HOT_SYSTEMS['hand-written-lua-backoff'],
  'watch-multi-exec': ONE_REDIS_SYSTEMS['watch-multi-exec'],
  'no-control': ONE_REDIS_SYSTEMS['no-control'],
} as const satisfies Record<string, LoadSystem>;

/** The systems of `flash-sale`, `smallbank` and `new-order`, in the order of the table. */
export const ITEM_SYSTEMS = {
  'nestjs-distributed-tx': async () =>
    (await import('./items/nestjs-distributed-tx.js')).nestjsDistributedTx,
  'nestjs-distributed-tx-no-hand-over': async () =>
    (await import('./items/nestjs-distributed-tx.js')).nestjsDistributedTxNoHandOver,
  'hand-written-lua-backoff': async () =>
    (await import('./items/hand-written-lua.js')).handWrittenLuaBackoff,
  'hand-written-lua': async () => (await import('./items/hand-written-lua.js')).handWrittenLua,
  'watch-multi-exec': async () => (await import('./items/watch-multi-exec.js')).watchMultiExec,
  redlock: async () => (await import('./items/unversioned.js')).redlock,
  'all-in-lua': async () => (await import('./items/all-in-lua.js')).allInLua,
  'no-control': async () => (await import('./items/unversioned.js')).noControl,
} as const satisfies Record<string, LoadSystem<CreateItemSystem>>;

/** The systems of `transfer-cluster`, in the order of the table. */
export const CLUSTER_SYSTEMS = {
  'nestjs-distributed-tx': async () =>
    (await import('./nestjs-distributed-tx.js')).nestjsDistributedTx,
  'nestjs-distributed-tx-one-slot': async () =>
    (await import('./nestjs-distributed-tx.js')).nestjsDistributedTxOneSlot,
  'hand-written-2pc': async () => (await import('./hand-written-2pc.js')).handWritten2pc,
  'no-control': async () => (await import('./no-control-cluster.js')).noControlCluster,
} as const satisfies Record<string, LoadSystem>;

/** The systems of `transfer-sql`, in the order of the table. */
export const SQL_SYSTEMS = {
  'nestjs-distributed-tx-sql': async () =>
    (await import('./nestjs-distributed-tx-sql.js')).nestjsDistributedTxSql,
  'sql-alone': async () => (await import('./sql-alone.js')).sqlAlone,
  'no-control': async () => (await import('./no-control.js')).noControl,
} as const satisfies Record<string, LoadSystem>;

/** The systems of `transfer-memcached`, in the order of the table. */
export const MEMCACHED_SYSTEMS = {
  'nestjs-distributed-tx-memcached': async () =>
    (await import('./nestjs-distributed-tx-stores.js')).nestjsDistributedTxMemcached,
  'memcached-cas-by-hand': async () => (await import('./memcached-by-hand.js')).memcachedCas,
  'no-control': async () => (await import('./memcached-by-hand.js')).memcachedNoControl,
} as const satisfies Record<string, LoadSystem>;

/** The systems of `transfer-ignite`, in the order of the table. */
export const IGNITE_SYSTEMS = {
  'nestjs-distributed-tx-ignite': async () =>
    (await import('./nestjs-distributed-tx-stores.js')).nestjsDistributedTxIgnite,
  'ignite-cas-by-hand': async () => (await import('./ignite-by-hand.js')).igniteCas,
  'no-control': async () => (await import('./ignite-by-hand.js')).igniteNoControl,
} as const satisfies Record<string, LoadSystem>;

export type SystemName =
  | keyof typeof MEMCACHED_SYSTEMS
  | keyof typeof IGNITE_SYSTEMS
  | keyof typeof ONE_REDIS_SYSTEMS
  | keyof typeof HOT_SYSTEMS
  | keyof typeof COUNTER_SYSTEMS
  | keyof typeof ITEM_SYSTEMS
  | keyof typeof CLUSTER_SYSTEMS
  | keyof typeof SQL_SYSTEMS;

/** The systems of one workload. */
export type Systems<C = CreateSystem> = Readonly<Partial<Record<SystemName, LoadSystem<C>>>>;

/** The one system of every workload that must break the invariants. */
export const CONTROL_SYSTEM = 'no-control' satisfies SystemName;

export function namesOf(systems: Systems<unknown>): SystemName[] {
  return Object.keys(systems) as SystemName[];
}

/** @throws Error when the workload has no such system. */
export async function loadSystem<C>(systems: Systems<C>, name: SystemName): Promise<C> {
  const load = systems[name];
  if (load === undefined) throw new Error(`The workload has no system ${name}.`);
  return load();
}
