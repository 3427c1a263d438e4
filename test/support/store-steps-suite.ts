import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DistributedTxError } from '../../lib/errors/index.js';
import type { StoreStepsConfig } from '../workers/store-steps.js';
import { FarAccount } from './bank-accounts.js';
import type { CrashPoint } from './crash-point.js';
import { Account, accountKey } from './entities.js';
import { LibraryCopy } from './library-copy.js';
import { poll } from './poll.js';
import { journalsIn, rawTexts, storesOf, type StoresConfig } from './store-specs.js';
import type { RunningStore, StartStore } from './stores-bank-suite.js';
import { TestRuntime } from './test-runtime.js';

const TIMEOUT_MS = 2000;
/** Processes that run beside each other. */
const AT_ONCE = 3;

/** What a transfer between two stores leaves when its process is killed at any of its steps. */
export function describeSteps(startDefault: StartStore, startFar: StartStore): void {
  const ids = Array.from({ length: 150 }, (_, nth) => `s${nth}`);
  const running: RunningStore[] = [];
  let library: LibraryCopy;
  let runtime: TestRuntime;
  let stores: Required<StoresConfig>;
  let used = 0;

  beforeAll(async () => {
    library = LibraryCopy.create();
    running.push(await startDefault(), await startFar());
    stores = { default: running[0]!.spec, far: running[1]!.spec };
    runtime = await TestRuntime.open({ stores: storesOf(stores) });
    await runtime.manager.run(async () => {
      for (const id of ids) {
        await runtime.repository(Account).insert({ id, balance: 100, points: 0 });
        await runtime.repository(FarAccount).insert({ id, balance: 100, points: 0 });
      }
    });
  });

  afterAll(async () => {
    library.remove();
    await runtime?.close();
    for (const { stop } of running.splice(0)) await stop();
  });

  function work(id: string, crashAt?: CrashPoint) {
    const told = join(library.dir, `told-${id}`);
    const config: StoreStepsConfig = { stores, id, timeoutMs: TIMEOUT_MS, told };
    return library.start('test/workers/store-steps.ts', {
      ...config,
      ...(crashAt ? { crashAt } : {}),
    });
  }

  function toldOf(id: string): string | undefined {
    const path = join(library.dir, `told-${id}`);
    return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
  }

  /** The account of the process that died at this step. */
  async function crash(point: CrashPoint): Promise<string> {
    // On a machine that is too busy the time of its transaction may be over before.
    for (let attempt = 1; attempt <= 3; attempt++) {
      const id = ids[used++]!;
      const { child, report } = work(id, point);
      await report.catch(() => undefined);
      if (child.signalCode === 'SIGKILL') return id;
    }
    throw new Error(`${point.when} ${point.call} was not reached.`);
  }

  async function balances(): Promise<(readonly [near: number, far: number])[]> {
    const some = ids.slice(0, used);
    const [near, far] = await Promise.all([
      runtime.repository(Account).findManyOrFail(some),
      runtime.repository(FarAccount).findManyOrFail(some),
    ]);
    return some.map((_, nth) => [near[nth]!.balance, far[nth]!.balance]);
  }

  async function leftovers(): Promise<string[]> {
    const near = await rawTexts(stores.default, ids.map(accountKey));
    const farKeys = ids.map((id) => `far-account:${id}`);
    const far = await rawTexts(stores.far, farKeys);
    const held = [...near, ...far].filter((text) => text?.split('|')[0]!.includes('*') ?? true);
    return [...held.map(String), ...(await journalsIn(stores.default))];
  }

  function wrongIn(
    point: CrashPoint,
    id: string,
    [near, far]: readonly [number, number],
  ): string[] {
    const name = `${point.when} ${point.call}`;
    const told = toldOf(id);
    if (near + far !== 200 || near < 99) return [`${name}: ${near} and ${far} are there`];
    if (told === undefined || (told === 'committed') === (near === 99)) return [];
    return [`${name}: told ${told}, and ${near} and ${far} are there`];
  }

  it('leaves everything or nothing, and no trace', async () => {
    const measured = ids[used++]!;
    const points = (await work(measured).report) as CrashPoint[];
    expect(toldOf(measured)).toBe('committed');
    const died = new Map<string, CrashPoint>();
    const waiting = [...points];
    const next = async (): Promise<void> => {
      for (let point = waiting.shift(); point; point = waiting.shift())
        died.set(await crash(point), point);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, next));
    let left: readonly string[] = [];
    const look = async (): Promise<true | undefined> => {
      left = await leftovers();
      if (left.length === 0) return true;
      // A lock that its process had no time to note goes when somebody meets it.
      await balances().catch((error: unknown) => {
        if (!(error instanceof DistributedTxError)) throw error;
      });
      return undefined;
    };
    await poll(look, {
      deadlineMs: TIMEOUT_MS + 8000,
      intervalMs: 50,
      until: 'nothing is left',
    }).catch((cause: unknown) => {
      throw new Error(`${String(cause)}:\n${left.join('\n')}`, { cause });
    });

    const found = await balances();
    const byId = new Map(ids.slice(0, used).map((id, nth) => [id, found[nth]!]));
    const broken = [...died].flatMap(([id, point]) => wrongIn(point, id, byId.get(id)!));
    expect(broken).toEqual([]);
    expect(points.length).toBeGreaterThan(7);
    const fates = new Set([...died.keys()].map((id) => byId.get(id)![0]));
    expect(fates).toEqual(new Set([99, 100]));
  }, 120_000);
}
