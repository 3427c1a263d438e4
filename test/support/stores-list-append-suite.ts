import { describeAnomalies } from './history/index.js';
import { LibraryCopy } from './library-copy.js';
import { countOf } from './list-append-run.js';
import { withSeed } from './seeded-random.js';
import type { RunningStore, StartStore } from './stores-bank-suite.js';
import { runStoresListAppend } from './stores-list-append.js';

/** What histories have to show of lists in one store, or in two. */
export function describeHistories(
  transactions: number,
  startDefault: StartStore,
  startFar?: StartStore,
): void {
  const running: RunningStore[] = [];
  let library: LibraryCopy;

  beforeAll(async () => {
    library = LibraryCopy.create();
    running.push(await startDefault());
    if (startFar !== undefined) running.push(await startFar());
  });

  afterAll(async () => {
    library.remove();
    for (const { stop } of running.splice(0)) await stop();
  });

  it('is strictly serializable while connections to every server are cut', async () => {
    await withSeed('list-append over stores', async (random) => {
      const [first, second] = running;
      const stores = { default: first!.spec, ...(second ? { far: second.spec } : {}) };
      const run = { library, stores, random, transactions, cuts: 0.003 };
      const { history, anomalies, miscounted, cuts } = await runStoresListAppend(run);

      expect(describeAnomalies(anomalies)).toBe('');
      expect(miscounted).toBe(0);
      expect(history).toHaveLength(transactions);
      expect(countOf(history, 'ok')).toBeGreaterThan(0.7 * transactions);
      expect(cuts.default).toBeGreaterThan(5);
      if (second !== undefined) expect(cuts.far).toBeGreaterThan(0);
    });
  }, 90_000);
}
