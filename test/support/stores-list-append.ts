import { CuttingProxy } from './cutting-proxy.js';
import { untilSaid, type LibraryCopy } from './library-copy.js';
import { judge, type ListAppendVerdict } from './list-append-run.js';
import { ListAppendWorkload, type ListAppendReport } from './list-append-workload.js';
import type { SeededRandom } from './seeded-random.js';
import { storesOf, type StoreSpec, type StoresConfig } from './store-specs.js';
import { TestRuntime } from './test-runtime.js';

export interface StoresListAppendRun {
  readonly library: LibraryCopy;
  readonly stores: StoresConfig;
  readonly random: SeededRandom;
  /** Of both processes together. */
  readonly transactions: number;
  /** How probable it is that a connection is cut at what a client says. */
  readonly cuts: number;
}

export interface StoresVerdict extends Pick<
  ListAppendVerdict,
  'history' | 'anomalies' | 'miscounted'
> {
  /** How often a connection was cut, by store. */
  readonly cuts: Readonly<Record<string, number>>;
}

const processes = 2;

/** The list-append workload from two processes, over proxies before every server that cut connections. */
export async function runStoresListAppend(run: StoresListAppendRun): Promise<StoresVerdict> {
  const { library, stores, random, transactions } = run;
  const places = stores.far === undefined ? 'default' : 'both';
  const runtime = await TestRuntime.open({ stores: storesOf(stores) });
  const proxies = { default: await Proxied.start(stores.default), far: await farOf(stores) };
  try {
    await ListAppendWorkload.prepare(runtime);
    const children = Array.from({ length: processes }, (_, index) =>
      library.start('test/workers/list-append.ts', {
        stores: {
          default: proxies.default.spec,
          ...(proxies.far ? { far: proxies.far.spec } : {}),
        },
        places,
        commandTimeoutMs: 1000,
        seed: random.integer(2 ** 31),
        transactions: transactions / processes,
        concurrency: 8,
        worker: { index, count: processes },
        timeoutMs: 20_000,
      }),
    );
    await Promise.all(children.map((child) => untilSaid(child, 'ready')));
    for (const one of Object.values(proxies)) one?.cutAtRandom(random.fork(), run.cuts);
    for (const { child } of children) child.send('go');
    await Promise.all(children.map((child) => untilSaid(child, 'done')));
    for (const one of Object.values(proxies)) one?.cutAtRandom(random, 0);
    for (const { child } of children) child.send('healed');
    const reports = (await Promise.all(children.map(({ report }) => report))) as ListAppendReport[];
    const cuts = { default: proxies.default.cuts, far: proxies.far?.cuts ?? 0 };
    return { ...(await judge(runtime, reports, places)), cuts };
  } finally {
    await Promise.all([proxies.default.close(), proxies.far?.close()]);
    await runtime.close();
  }
}

async function farOf({ far }: StoresConfig): Promise<Proxied | undefined> {
  return far === undefined ? undefined : Proxied.start(far);
}

/** One store behind proxies. */
class Proxied {
  private constructor(
    readonly spec: StoreSpec,
    private readonly proxies: readonly CuttingProxy[],
  ) {}

  static async start(spec: StoreSpec): Promise<Proxied> {
    const proxies: CuttingProxy[] = [];
    const before = async (address: string): Promise<string> => {
      const proxy = await CuttingProxy.start(Number(address.split(':').at(-1)));
      proxies.push(proxy);
      return `127.0.0.1:${proxy.port}`;
    };
    if ('redis' in spec)
      return new Proxied({ redis: `redis://${await before(spec.redis)}` }, proxies);
    if ('memcached' in spec) {
      return new Proxied({ memcached: await Promise.all(spec.memcached.map(before)) }, proxies);
    }
    return new Proxied({ ignite: await Promise.all(spec.ignite.map(before)) }, proxies);
  }

  get cuts(): number {
    return this.proxies.reduce((sum, { cuts }) => sum + cuts, 0);
  }

  cutAtRandom(random: SeededRandom, probability: number): void {
    const decide = () =>
      random.chance(probability) ? random.pick(['request', 'reply'] as const) : undefined;
    for (const proxy of this.proxies) proxy.decide = decide;
  }

  async close(): Promise<void> {
    await Promise.all(this.proxies.map((proxy) => proxy.close()));
  }
}
