import { CRASH_SCENARIOS } from '../support/crash-scenarios.js';
import { brokenBy, measure } from '../support/crash-trials.js';
import { FAULT_KINDS, type Fault, type ProtocolMethod } from '../support/faulty-store.js';
import { describeAnomalies } from '../support/history/index.js';
import { oneSingleKeyCache, twoStores } from '../support/layouts.js';
import { chooseSeed, SeededRandom, withSeed } from '../support/seeded-random.js';
import { Simulation } from '../support/simulation.js';
import { sayProgress, soakLimitMs } from '../support/soak.js';

const RUNS = Number(process.env['DTX_SIMULATIONS'] ?? 10);
const PAIRS = Number(process.env['DTX_CRASH_PAIRS'] ?? 150);
const TRANSACTIONS = 240;
const FAULT_RATES = [0.02, 0.005, 0.05, 0] as const;

const FAULTS: readonly Fault[] = [
  ...FAULT_KINDS.map((kind) => ({ kind })),
  { kind: 'late', afterCalls: 1 },
  { kind: 'late', afterCalls: 4 },
  { kind: 'repeated', afterCalls: 1 },
  { kind: 'repeated', afterCalls: 4 },
];

const LAYOUTS = [
  ['a cache that compares and sets one key', oneSingleKeyCache],
  ['two stores, of which one is such a cache', twoStores],
] as const;

describe.each(LAYOUTS)('a commit over %s keeps every promise', (_, layout) => {
  const scenarios = CRASH_SCENARIOS.map((scenario) => ({ ...scenario, layout }));
  const methods = new Set<ProtocolMethod>();

  it.each(scenarios.map((scenario) => [scenario.title, scenario] as const))(
    'whatever goes wrong at any one step: %s',
    async (__, scenario) => {
      const facts = await measure(scenario);
      const broken: string[] = [];
      for (let number = 1; number <= facts.calls; number++) {
        for (const fault of FAULTS) {
          broken.push(...(await brokenBy(methods, scenario, facts, new Map([[number, fault]]))));
        }
      }
      expect(broken).toEqual([]);
    },
    60_000,
  );

  it(
    'whatever goes wrong at any two steps',
    async () => {
      await withSeed('two faults', async (random) => {
        const broken: string[] = [];
        for (let pair = 0; pair < PAIRS; pair++) {
          const scenario = random.pick(scenarios);
          const facts = await measure(scenario);
          const numbers = [1 + random.integer(facts.calls), 1 + random.integer(facts.calls + 6)];
          const faults = new Map(numbers.map((number) => [number, random.pick(FAULTS)]));
          broken.push(...(await brokenBy(methods, scenario, facts, faults)));
          sayProgress(pair + 1, PAIRS, `DTX_SEED=${random.seed}: ${broken.length} broken promises`);
        }
        expect(broken).toEqual([]);
      });
    },
    Math.min(soakLimitMs, 60_000 + PAIRS * 200),
  );

  it(
    'and is strictly serializable for three instances, whatever goes wrong and whoever dies',
    async () => {
      const first = chooseSeed();
      for (let run = 0; run < RUNS; run++) {
        const seed = (first + run) % 2 ** 32;
        const random = new SeededRandom(seed);
        const faults = Number(
          process.env['DTX_SIMULATION_FAULTS'] ?? FAULT_RATES[run % FAULT_RATES.length],
        );
        const options = { random, transactions: TRANSACTIONS, faults, layout };
        const { anomalies, miscounted, left, committed } = await new Simulation(options).run();

        const replay = `DTX_SEED=${seed} DTX_SIMULATION_FAULTS=${faults}`;
        expect({ replay, anomalies: describeAnomalies(anomalies), miscounted, left }).toEqual({
          replay,
          anomalies: '',
          miscounted: 0,
          left: [],
        });
        expect(committed).toBeGreaterThan(TRANSACTIONS / 4);
        sayProgress(run + 1, RUNS, `DTX_SEED from ${first}`);
      }
    },
    Math.min(soakLimitMs, 60_000 + RUNS * 2000),
  );
});
