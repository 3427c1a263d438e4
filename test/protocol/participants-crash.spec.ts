import type { CrashScenario } from '../support/crash-scenario.js';
import { PARTICIPANT_SCENARIOS } from '../support/crash-scenarios.js';
import {
  brokenAtAnyStep,
  brokenAtTwoSteps,
  measureAll,
  type Measured,
} from '../support/crash-trials.js';
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
  let measured: Map<CrashScenario, Measured>;

  beforeAll(async () => {
    measured = await measureAll(PARTICIPANT_SCENARIOS);
  });

  it.each(PARTICIPANT_SCENARIOS.map((scenario) => [scenario.title, scenario] as const))(
    'whatever goes wrong at any one step: %s',
    async (_, scenario) => {
      expect(await brokenAtAnyStep(methods, scenario, measured.get(scenario)!, FAULTS)).toEqual([]);
    },
    60_000,
  );

  it('whatever goes wrong at any two steps', async () => {
    await withSeed('two faults', async (random) => {
      const trials = { random, pairs: PAIRS, faults: FAULTS };
      expect(await brokenAtTwoSteps(methods, measured, trials)).toEqual([]);
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
