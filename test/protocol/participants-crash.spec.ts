import type { CrashScenario } from '../support/crash-scenario.js';
import { PARTICIPANT_SCENARIOS } from '../support/crash-scenarios.js';
import { brokenBy, measure, type Measured } from '../support/crash-trials.js';
import {
  FAULT_KINDS,
  PROTOCOL_METHODS,
  type Fault,
  type ProtocolMethod,
} from '../support/faulty-store.js';
import { withSeed } from '../support/seeded-random.js';

const PAIRS = Number(process.env['DTX_CRASH_PAIRS'] ?? 500);

const FAULTS: readonly Fault[] = [
  ...FAULT_KINDS.map((kind) => ({ kind })),
  { kind: 'late', afterCalls: 1 },
  { kind: 'late', afterCalls: 4 },
  { kind: 'repeated', afterCalls: 1 },
];

const methods = new Set<ProtocolMethod>();

describe('a commit in which databases take part keeps every promise', () => {
  const measured = new Map<CrashScenario, Measured>();

  beforeAll(async () => {
    for (const scenario of PARTICIPANT_SCENARIOS) measured.set(scenario, await measure(scenario));
  });

  it.each(PARTICIPANT_SCENARIOS.map((scenario) => [scenario.title, scenario] as const))(
    'whatever goes wrong at any one step: %s',
    async (_, scenario) => {
      const facts = measured.get(scenario)!;
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

  it('whatever goes wrong at any two steps', async () => {
    await withSeed('two faults', async (random) => {
      const broken: string[] = [];
      for (let pair = 0; pair < PAIRS; pair++) {
        const scenario = random.pick(PARTICIPANT_SCENARIOS);
        const facts = measured.get(scenario)!;
        // After the first fault there are more calls than without.
        const numbers = [1 + random.integer(facts.calls), 1 + random.integer(facts.calls + 6)];
        const faults = new Map(numbers.map((number) => [number, random.pick(FAULTS)]));
        broken.push(...(await brokenBy(methods, scenario, facts, faults)));
      }
      expect(broken).toEqual([]);
    });
  }, 120_000);

  it('in every step that concerns participants', () => {
    const needed = PROTOCOL_METHODS.filter(
      (method) =>
        /^(participant|announce|conclude|fence)/.test(method) && methods.has(method) === false,
    );
    expect(needed).toEqual([]);
  });
});
