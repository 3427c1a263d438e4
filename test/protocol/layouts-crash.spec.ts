import type { CrashScenario } from '../support/crash-scenario.js';
import { CRASH_SCENARIOS } from '../support/crash-scenarios.js';
import {
  brokenAtAnyStep,
  brokenAtTwoSteps,
  measureAll,
  type Measured,
} from '../support/crash-trials.js';
import type { ProtocolMethod } from '../support/faulty-store.js';
import { oneSingleKeyCache, twoServers, twoStores } from '../support/layouts.js';
import { withSeed } from '../support/seeded-random.js';
import { runSimulations } from '../support/simulations.js';
import { soakLimitMs } from '../support/soak.js';

const RUNS = Number(process.env['DTX_SIMULATIONS'] ?? 10);
const PAIRS = Number(process.env['DTX_CRASH_PAIRS'] ?? 150);
const TRANSACTIONS = 240;

const LAYOUTS = [
  ['a cache that compares and sets one key', oneSingleKeyCache],
  ['two stores, of which one is such a cache', twoStores],
  ['two stores that both have records', twoServers],
] as const;

describe.each(LAYOUTS)('a commit over %s keeps every promise', (_, layout) => {
  const scenarios = CRASH_SCENARIOS.map((scenario) => ({ ...scenario, layout }));
  const methods = new Set<ProtocolMethod>();
  let measured: Map<CrashScenario, Measured>;

  beforeAll(async () => {
    measured = await measureAll(scenarios);
  });

  it.each(scenarios.map((scenario) => [scenario.title, scenario] as const))(
    'whatever goes wrong at any one step: %s',
    async (__, scenario) => {
      expect(await brokenAtAnyStep(methods, scenario, measured.get(scenario)!)).toEqual([]);
    },
    60_000,
  );

  it(
    'whatever goes wrong at any two steps',
    async () => {
      await withSeed('two faults', async (random) => {
        expect(await brokenAtTwoSteps(methods, measured, { random, pairs: PAIRS })).toEqual([]);
      });
    },
    Math.min(soakLimitMs, 60_000 + PAIRS * 200),
  );

  it(
    'and is strictly serializable for three instances, whatever goes wrong and whoever dies',
    async () => {
      let total = 0;
      await runSimulations({ runs: RUNS, transactions: TRANSACTIONS, layout }, ({ committed }) => {
        total += committed;
      });
      // Who dies holds items until his time is over, so single runs commit little.
      expect(total).toBeGreaterThan((RUNS * TRANSACTIONS) / 3);
    },
    Math.min(soakLimitMs, 60_000 + RUNS * 2000),
  );
});
