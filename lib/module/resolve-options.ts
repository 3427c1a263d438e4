import { ModuleOptionsError, TransactionOptionsError } from '../errors/index.js';
import type { Durability } from '../store/redis/replication.js';
import { isPlaced } from '../store/placed-key.js';
import { RESERVED_PREFIX } from '../store/transaction-address.js';
import type { RecordLifetime } from '../store/versioned-store.js';
import { DEFAULT_LIMITS, type TransactionLimits } from '../transaction/limits.js';
import {
  BUILT_IN_DEFAULTS,
  LONGEST_TIMEOUT_MS,
  validateOptions,
  type TransactionDefaults,
} from '../transaction/transaction-options.js';
import type {
  DistributedTxModuleOptions,
  RecoveryOptions,
  StoreOptions,
} from './distributed-tx.options.js';
import { assertObject, refuseUnknown, within, wrong, type Range } from './option-checks.js';

/** Options with every default filled in; frozen. */
export interface ResolvedModuleOptions {
  readonly stores: ReadonlyMap<string, StoreOptions>;
  readonly keyPrefix: string;
  readonly defaults: TransactionDefaults;
  readonly hookTimeoutMs: number;
  readonly handOver: boolean;
  readonly startup: 'eager' | 'lazy';
  readonly connectTimeoutMs: number;
  readonly commandTimeoutMs: number;
  readonly lifetime: RecordLifetime;
  readonly durability: Durability | undefined;
  readonly recovery: RecoveryOptions;
  readonly limits: TransactionLimits;
  readonly allowEvictionPolicy: string | undefined;
}

const KNOWN: ReadonlySet<string> = new Set<keyof DistributedTxModuleOptions>([
  'redis',
  'store',
  'stores',
  'keyPrefix',
  'defaults',
  'maxTimeoutMs',
  'hookTimeoutMs',
  'handOver',
  'startup',
  'connectTimeoutMs',
  'commandTimeoutMs',
  'record',
  'durability',
  'recovery',
  'limits',
  'allowEvictionPolicy',
  'allowEmbeddedInProduction',
  'clock',
  'random',
]);

const RECOVERY_NAMES: readonly (keyof RecoveryOptions)[] = [
  'enabled',
  'intervalMs',
  'batch',
  'heartbeatMs',
  'lapseMs',
];

/** @throws ModuleOptionsError naming the option, its value and what is allowed. */
export function resolveModuleOptions(options: DistributedTxModuleOptions): ResolvedModuleOptions {
  assertObject('the options', options);
  refuseUnknown('', options, KNOWN);
  const { defaults = {}, record = {}, keyPrefix = '', startup = 'eager' } = options;
  const maxTimeoutMs = within('maxTimeoutMs', options.maxTimeoutMs, [
    1,
    LONGEST_TIMEOUT_MS,
    60_000,
  ]);
  const isReserved = (text: string): boolean => text.startsWith(RESERVED_PREFIX) || isPlaced(text);
  if (typeof keyPrefix !== 'string' || isReserved(keyPrefix)) {
    wrong(
      'keyPrefix',
      keyPrefix,
      `a text that starts neither with '${RESERVED_PREFIX}' nor with '@'`,
    );
  }
  if (startup !== 'eager' && startup !== 'lazy') wrong('startup', startup, "'eager' or 'lazy'");
  assertObject('record', record);
  refuseUnknown('record.', record, ['retentionMs', 'marginMs']);
  validateDefaults(defaults, maxTimeoutMs);
  validateRest(options);
  const silenceMs = within('commandTimeoutMs', options.commandTimeoutMs, [10, 600_000, 2000]);
  return Object.freeze({
    stores: resolveStores(options),
    keyPrefix,
    defaults,
    hookTimeoutMs: within('hookTimeoutMs', options.hookTimeoutMs, [1, 3_600_000, 10_000]),
    handOver: options.handOver ?? true,
    startup,
    connectTimeoutMs: within('connectTimeoutMs', options.connectTimeoutMs, [1, 600_000, 10_000]),
    commandTimeoutMs: silenceMs,
    lifetime: Object.freeze({
      longestTimeoutMs: maxTimeoutMs,
      retentionMs: within('record.retentionMs', record.retentionMs, [0, 86_400_000, 30_000]),
      marginMs: within('record.marginMs', record.marginMs, [0, 600_000, 10_000]),
    }),
    durability: resolveDurability(options, silenceMs),
    recovery: resolveRecovery(options.recovery ?? {}),
    limits: resolveLimits(options.limits ?? {}),
    allowEvictionPolicy: options.allowEvictionPolicy,
  });
}

function validateRest(options: DistributedTxModuleOptions): void {
  const { allowEvictionPolicy, allowEmbeddedInProduction, handOver, clock, random } = options;
  if (allowEvictionPolicy !== undefined && typeof allowEvictionPolicy !== 'string') {
    wrong('allowEvictionPolicy', allowEvictionPolicy, "the policy's name, such as 'allkeys-lru'");
  }
  if (allowEmbeddedInProduction !== undefined && typeof allowEmbeddedInProduction !== 'boolean') {
    wrong('allowEmbeddedInProduction', allowEmbeddedInProduction, 'true or false');
  }
  if (handOver !== undefined && typeof handOver !== 'boolean') {
    wrong('handOver', handOver, 'true or false');
  }
  const methods = ['now', 'time', 'schedule'] as const;
  if (clock !== undefined && methods.some((name) => typeof clock?.[name] !== 'function')) {
    wrong('clock', clock, `an object with the methods ${methods.join(', ')}`);
  }
  if (random !== undefined && typeof random !== 'function') wrong('random', random, 'a function');
}

function resolveStores(options: DistributedTxModuleOptions): ReadonlyMap<string, StoreOptions> {
  const { redis, store, stores } = options;
  const given = [redis, store, stores].filter((way) => way !== undefined).length;
  if (given !== 1) {
    throw new ModuleOptionsError(
      `${given === 0 ? 'No store is' : 'More than one way to name a store is'} given. Choose exactly one of ` +
        "redis: 'redis://…' (or ioredis options, or a client), store: 'embedded', or " +
        'stores: { default: …, … }.',
    );
  }
  if (store !== undefined && store !== 'embedded') wrong('store', store, "'embedded'");
  const short: StoreOptions = redis === undefined ? 'embedded' : { redis };
  const named = stores === undefined ? { default: short } : stores;
  if (typeof named !== 'object' || named === null || !('default' in named)) {
    wrong('stores', named, 'an object with a store named default');
  }
  for (const [name, way] of Object.entries(named)) validateStore(name, way, options);
  return new Map(Object.entries(named));
}

function validateStore(name: string, way: StoreOptions, options: DistributedTxModuleOptions): void {
  if (!/^[\w-]+$/.test(name)) wrong('stores', name, 'names of letters, digits, "_" and "-"');
  if (typeof way === 'function') return;
  if (way === 'embedded') {
    if (process.env['NODE_ENV'] !== 'production' || options.allowEmbeddedInProduction) return;
    throw new ModuleOptionsError(
      `The store ${name} is embedded, and NODE_ENV is production: what it holds dies with the process. ` +
        'Use Redis, or accept the loss with allowEmbeddedInProduction: true.',
    );
  }
  const redis = (way as { readonly redis?: unknown } | null)?.redis;
  if (isRedisSource(redis)) return;
  wrong(
    options.redis === undefined ? `stores.${name}` : 'redis',
    redis === undefined ? way : withoutPassword(redis),
    "a URL (redis:// or rediss://), ioredis options, a Redis or Cluster of ioredis, or 'embedded' as store",
  );
}

function isRedisSource(redis: unknown): boolean {
  if (typeof redis === 'string') return /^(rediss?|unix):\/\//.test(redis);
  return typeof redis === 'object' && redis !== null;
}

/** What stands before the @ may be a password, however little of a URL the text is. */
function withoutPassword(redis: unknown): unknown {
  return typeof redis === 'string' ? redis.replace(/^.*@/s, '…@') : redis;
}

function resolveDurability(
  options: DistributedTxModuleOptions,
  commandTimeoutMs: number,
): Durability | undefined {
  const { durability } = options;
  if (durability === undefined) return undefined;
  assertObject('durability', durability);
  refuseUnknown('durability.', durability, ['replicas', 'timeoutMs']);
  // Half a promise would be a guess: there is no default.
  const replicas = within('durability.replicas', durability.replicas ?? NaN, [1, 16, 1]);
  // What is sent behind a WAIT is answered after it, and must not count as silence.
  const longest = Math.floor(commandTimeoutMs / 2);
  const range: Range = [1, longest, longest];
  const timeoutMs = within('durability.timeoutMs', durability.timeoutMs, range);
  const isRedis = (way: StoreOptions): boolean => typeof way === 'object' && way !== null;
  if (![...resolveStores(options).values()].some(isRedis)) {
    wrong('durability', durability, 'nothing: no store is a Redis, and no other has replicas');
  }
  return Object.freeze({ replicas, timeoutMs });
}

function resolveRecovery(recovery: Partial<RecoveryOptions>): RecoveryOptions {
  assertObject('recovery', recovery);
  refuseUnknown('recovery.', recovery, RECOVERY_NAMES);
  const { enabled = true } = recovery;
  if (typeof enabled !== 'boolean') wrong('recovery.enabled', enabled, 'true or false');
  const heartbeatMs = within('recovery.heartbeatMs', recovery.heartbeatMs, [10, 600_000, 1000]);
  const lapseMs = within('recovery.lapseMs', recovery.lapseMs, [20, 3_600_000, 3 * heartbeatMs]);
  if (lapseMs < 2 * heartbeatMs) {
    wrong(
      'recovery.lapseMs',
      lapseMs,
      `at least twice recovery.heartbeatMs, which is ${heartbeatMs}`,
    );
  }
  return Object.freeze({
    enabled,
    intervalMs: within('recovery.intervalMs', recovery.intervalMs, [10, 3_600_000, 1000]),
    batch: within('recovery.batch', recovery.batch, [1, 10_000, 100]),
    heartbeatMs,
    lapseMs,
  });
}

function resolveLimits(limits: Partial<TransactionLimits>): TransactionLimits {
  assertObject('limits', limits);
  const names = Object.keys(DEFAULT_LIMITS) as (keyof TransactionLimits)[];
  refuseUnknown('limits.', limits, names);
  const entries = names.map((name) => [
    name,
    within(`limits.${name}`, limits[name], [1, 512 * 1024 * 1024, DEFAULT_LIMITS[name]]),
  ]);
  return Object.freeze(Object.fromEntries(entries) as Record<keyof TransactionLimits, number>);
}

function validateDefaults(defaults: TransactionDefaults, maxTimeoutMs: number): void {
  try {
    validateOptions(defaults, maxTimeoutMs);
  } catch (error) {
    if (!(error instanceof TransactionOptionsError)) throw error;
    throw new ModuleOptionsError(`defaults: ${error.message}`, { cause: error });
  }
  refuseUnknown('defaults.', defaults, Object.keys(BUILT_IN_DEFAULTS));
  const timeoutMs = defaults.timeoutMs ?? BUILT_IN_DEFAULTS.timeoutMs;
  if (timeoutMs > maxTimeoutMs) {
    wrong('maxTimeoutMs', maxTimeoutMs, `at least defaults.timeoutMs, which is ${timeoutMs}`);
  }
}
