import { ModuleOptionsError } from '../errors/index.js';
import type { DistributedTxModuleOptions } from './distributed-tx.options.js';
import { resolveModuleOptions } from './resolve-options.js';

interface WrongOptions {
  readonly title: string;
  readonly options: unknown;
  /** What the message must name: the option, the value, what is allowed. */
  readonly names: readonly string[];
}

const embedded = { store: 'embedded' } as const;

function resolve(options: unknown): ReturnType<typeof resolveModuleOptions> {
  return resolveModuleOptions(options as DistributedTxModuleOptions);
}

function errorOf(options: unknown): ModuleOptionsError {
  try {
    resolve(options);
  } catch (error) {
    if (error instanceof ModuleOptionsError) return error;
    throw error;
  }
  throw new Error('The options were accepted');
}

const wrongOptions: readonly WrongOptions[] = [
  { title: 'nothing at all', options: undefined, names: ['the options', 'undefined', 'an object'] },
  { title: 'null', options: null, names: ['the options', 'null', 'an object'] },
  {
    title: 'no store',
    options: {},
    names: ['No store', 'redis:', "store: 'embedded'", 'stores: { default'],
  },
  {
    title: 'an environment variable that is not set',
    options: { redis: undefined },
    names: ['No store', 'redis:'],
  },
  {
    title: 'two ways to name a store',
    options: { ...embedded, redis: 'redis://localhost' },
    names: ['More than one', 'exactly one'],
  },
  { title: 'stores: null', options: { stores: null }, names: ['stores', 'null', 'default'] },
  {
    title: 'stores without a default',
    options: { stores: { cache: 'embedded' } },
    names: ['stores', 'cache', 'default'],
  },
  {
    title: 'a store with a strange name',
    options: { stores: { default: 'embedded', 'a b': 'embedded' } },
    names: ['stores', "'a b'", 'letters'],
  },
  {
    title: 'a store that is none',
    options: { stores: { default: 'embedded', cache: 'memcached' } },
    names: ['stores.cache', 'URL', "'embedded'"],
  },
  { title: 'store: redis', options: { store: 'redis' }, names: ['store', "'redis'", "'embedded'"] },
  {
    title: 'an empty URL',
    options: { redis: '' },
    names: ['redis', "''", 'redis://'],
  },
  {
    title: 'a URL of another protocol',
    options: { redis: 'http://localhost' },
    names: ['redis', 'http://localhost', 'redis://'],
  },
  { title: 'redis: null', options: { redis: null }, names: ['redis', 'null', 'URL'] },
  { title: 'a port as redis', options: { redis: 6379 }, names: ['redis', '6379', 'URL'] },
  {
    title: 'an option that does not exist',
    options: { ...embedded, retries: 3 },
    names: ['retries', 'redis', 'maxTimeoutMs'],
  },
  {
    title: 'a key prefix among our own keys',
    options: { ...embedded, keyPrefix: 'dtx:' },
    names: ['keyPrefix', "'dtx:'"],
  },
  {
    title: 'a key prefix that would name a store',
    options: { ...embedded, keyPrefix: '@app/' },
    names: ['keyPrefix', "'@app/'"],
  },
  {
    title: 'a word where handing over is on or off',
    options: { ...embedded, handOver: 'on' },
    names: ['handOver', "'on'"],
  },
  {
    title: 'a key prefix that is no text',
    options: { ...embedded, keyPrefix: 5 },
    names: ['keyPrefix', '5', 'text'],
  },
  {
    title: 'an unknown startup',
    options: { ...embedded, startup: 'eventually' },
    names: ['startup', "'eventually'", "'eager' or 'lazy'"],
  },
  {
    title: 'a hookTimeoutMs without an end',
    options: { ...embedded, hookTimeoutMs: Number.POSITIVE_INFINITY },
    names: ['hookTimeoutMs', 'Infinity', 'from 1 to 3600000'],
  },
  {
    title: 'a negative connectTimeoutMs',
    options: { ...embedded, connectTimeoutMs: -1 },
    names: ['connectTimeoutMs', '-1', 'from 1 to 600000'],
  },
  {
    title: 'a connectTimeoutMs that is no number',
    options: { ...embedded, connectTimeoutMs: Number.NaN },
    names: ['connectTimeoutMs', 'NaN', 'from 1 to 600000'],
  },
  {
    title: 'a commandTimeoutMs as text',
    options: { ...embedded, commandTimeoutMs: '2000' },
    names: ['commandTimeoutMs', "'2000'", 'from 10 to 600000'],
  },
  {
    title: 'a maxTimeoutMs as BigInt',
    options: { ...embedded, maxTimeoutMs: 10n },
    names: ['maxTimeoutMs', '10', 'from 1 to 3600000'],
  },
  {
    title: 'a time-out without end',
    options: { ...embedded, maxTimeoutMs: Number.POSITIVE_INFINITY },
    names: ['maxTimeoutMs', 'Infinity', 'from 1 to 3600000'],
  },
  {
    title: 'a default time-out over the maximum',
    options: { ...embedded, maxTimeoutMs: 1000 },
    names: ['maxTimeoutMs', '1000', 'defaults.timeoutMs', '5000'],
  },
  {
    title: 'an unknown isolation',
    options: { ...embedded, defaults: { isolation: 'snapshot' } },
    names: ['defaults', 'isolation', "'snapshot'", "'serializable'"],
  },
  {
    title: 'a default that belongs to single calls',
    options: { ...embedded, defaults: { propagation: 'NESTED' } },
    names: ['defaults.propagation', 'isolation', 'timeoutMs'],
  },
  {
    title: 'no attempts',
    options: { ...embedded, defaults: { retry: { attempts: 0 } } },
    names: ['defaults', 'retry.attempts', '0', 'from 1 to 1000'],
  },
  {
    title: 'a misspelt option of retry',
    options: { ...embedded, defaults: { retry: { attemps: 3 } } },
    names: ['defaults', 'retry.attemps', 'attempts'],
  },
  {
    title: 'a retention that is a text',
    options: { ...embedded, record: { retentionMs: '1h' } },
    names: ['record.retentionMs', "'1h'", 'from 0 to 86400000'],
  },
  {
    title: 'a misspelt option of record',
    options: { ...embedded, record: { retention: 5 } },
    names: ['record.retention', 'retentionMs', 'marginMs'],
  },
  {
    title: 'durability without a number of replicas',
    options: { redis: 'redis://h', durability: {} },
    names: ['durability.replicas', 'from 1 to 16'],
  },
  {
    title: 'no replicas at all',
    options: { redis: 'redis://h', durability: { replicas: 0 } },
    names: ['durability.replicas', '0', 'from 1 to 16'],
  },
  {
    title: 'a wait for replicas that would count as silence',
    options: {
      redis: 'redis://h',
      commandTimeoutMs: 1000,
      durability: { replicas: 1, timeoutMs: 501 },
    },
    names: ['durability.timeoutMs', '501', 'from 1 to 500'],
  },
  {
    title: 'a misspelt option of durability',
    options: { redis: 'redis://h', durability: { replica: 1 } },
    names: ['durability.replica ', 'replicas, timeoutMs'],
  },
  {
    title: 'durability where nothing has replicas',
    options: { ...embedded, durability: { replicas: 1 } },
    names: ['durability', 'no store is a Redis'],
  },
  { title: 'record: null', options: { ...embedded, record: null }, names: ['record', 'null'] },
  {
    title: 'limits as a number',
    options: { ...embedded, limits: 7 },
    names: ['limits', '7', 'object'],
  },
  {
    title: 'a limit of nothing',
    options: { ...embedded, limits: { items: 0 } },
    names: ['limits.items', '0', 'from 1 to'],
  },
  {
    title: 'an unknown limit',
    options: { ...embedded, limits: { itemz: 3 } },
    names: ['limits.itemz', 'items', 'valueBytes'],
  },
  {
    title: 'an eviction policy accepted by yes',
    options: { ...embedded, allowEvictionPolicy: true },
    names: ['allowEvictionPolicy', 'true', 'policy'],
  },
  {
    title: 'a consent that is a text',
    options: { ...embedded, allowEmbeddedInProduction: 'false' },
    names: ['allowEmbeddedInProduction', "'false'", 'true or false'],
  },
  {
    title: 'a clock that is none',
    options: { ...embedded, clock: { now: 5 } },
    names: ['clock', 'now', 'time', 'schedule'],
  },
  {
    title: 'a seed for random',
    options: { ...embedded, random: 4 },
    names: ['random', '4', 'function'],
  },
];

describe('The options of the module', () => {
  it.each(wrongOptions)('refuse $title, naming option, value and choice', ({ options, names }) => {
    const { message } = errorOf(options);
    for (const name of names) expect(message).toContain(name);
  });

  it.each(['http://user:s3cret@host', 'user:s3cret@host', 's3cret@host', 'http://u:s3@cret@host'])(
    'do not show the password of %s',
    (redis) => {
      expect(errorOf({ redis }).message).not.toMatch(/s3|cret/);
    },
  );

  it('wait for replicas half as long as a connection may be silent', () => {
    const { durability } = resolve({
      redis: 'redis://h',
      commandTimeoutMs: 800,
      durability: { replicas: 2 },
    });
    expect(durability).toEqual({ replicas: 2, timeoutMs: 400 });
  });

  it('are frozen and complete once they are resolved', () => {
    const options = resolve(embedded);
    expect(Object.isFrozen(options)).toBe(true);
    expect(options).toMatchObject({
      keyPrefix: '',
      startup: 'eager',
      connectTimeoutMs: 10_000,
      commandTimeoutMs: 2000,
      hookTimeoutMs: 10_000,
      handOver: true,
      lifetime: { longestTimeoutMs: 60_000, retentionMs: 30_000, marginMs: 10_000 },
      limits: { items: 1000, keyBytes: 1024, valueBytes: 1_048_576, transactionBytes: 8_388_608 },
    });
  });

  describe('in production', () => {
    const before = process.env['NODE_ENV'];
    beforeEach(() => (process.env['NODE_ENV'] = 'production'));
    afterEach(() => (process.env['NODE_ENV'] = before));

    it('refuse the embedded store, and say what it would mean and how to accept it', () => {
      for (const options of [
        embedded,
        { stores: { default: { redis: 'redis://h' }, cache: 'embedded' } },
      ]) {
        expect(errorOf(options).message).toMatch(
          /embedded.*NODE_ENV is production.*allowEmbeddedInProduction: true/,
        );
      }
    });

    it('accept the embedded store by name', () => {
      expect(resolve({ ...embedded, allowEmbeddedInProduction: true }).stores.get('default')).toBe(
        'embedded',
      );
    });
  });
});
