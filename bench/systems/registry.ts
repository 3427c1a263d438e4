import type { CreateSystem } from './system.js';

/** All systems, in the order of the table. */
export const SYSTEM_NAMES = [
  'nestjs-distributed-tx',
  'store-calls-by-hand',
  'hand-written-lua',
  'hand-written-lua-plain',
  'watch-multi-exec',
  'redlock',
  'redis-semaphore',
  'redlock-auto-pipelined',
  'redis-semaphore-auto-pipelined',
  'all-in-lua',
  'no-control',
] as const;
export type SystemName = (typeof SYSTEM_NAMES)[number];

/** What every ratio is taken against. */
export const BASE_SYSTEM: SystemName = 'hand-written-lua';

/** The one system that must break the invariants. */
export const CONTROL_SYSTEM: SystemName = 'no-control';

/** Each measurement loads its own system and none of the others. */
const LOADERS: Readonly<Record<SystemName, () => Promise<CreateSystem>>> = {
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
};

export async function loadSystem(name: SystemName): Promise<CreateSystem> {
  return LOADERS[name]();
}
