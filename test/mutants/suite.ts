import { protocolChecks } from './protocol-checks.js';
import { storeChecks } from './store-checks.js';
import { Bench } from './bench.js';
import { SeededRandom } from '../support/seeded-random.js';
import { endWith, endWithParent, workerConfig } from '../support/worker-process.js';

export interface SuiteConfig {
  readonly port: number;
  readonly seed: number;
}

/** The checks that failed, with their messages. */
export type SuiteReport = Record<string, string>;

/** No check takes longer, whatever a mutant does. */
const checkDeadlineMs = 6000;

endWithParent();
const { port, seed } = workerConfig<SuiteConfig>();
const failed: SuiteReport = {};
const checks = { ...storeChecks, ...protocolChecks };

for (const [store, url] of [
  ['redis', `redis://127.0.0.1:${port}`],
  ['embedded', undefined],
] as const) {
  const bench = await Bench.open(url, `${store}-${seed}:`, new SeededRandom(seed)).catch(
    (error: unknown) => {
      failed[`${store}: opens`] = String(error);
      return undefined;
    },
  );
  if (bench === undefined) continue;
  for (const [title, check] of Object.entries(checks)) {
    const late = new Promise<never>((_, reject) => {
      setTimeout(() => reject(new Error('takes too long')), checkDeadlineMs).unref();
    });
    await Promise.race([check(bench), late]).catch((error: unknown) => {
      failed[`${store}: ${title}`] = error instanceof Error ? error.message : String(error);
    });
  }
}
endWith(failed);
