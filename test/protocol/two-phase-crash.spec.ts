import type { CrashScenario } from '../support/crash-scenario.js';
import { CRASH_SCENARIOS } from '../support/crash-scenarios.js';
import {
  brokenAtAnyStep,
  brokenAtTwoSteps,
  brokenBy,
  FAULTS,
  measureAll,
  type Measured,
} from '../support/crash-trials.js';
import { PROTOCOL_METHODS, type ProtocolMethod } from '../support/faulty-store.js';
import { withSeed } from '../support/seeded-random.js';
import { soakLimitMs } from '../support/soak.js';

const PAIRS = Number(process.env['DTX_CRASH_PAIRS'] ?? 500);

/** The steps of commits in which others take part: participants-crash.spec.ts. */
const OF_PARTICIPANTS = /^(participant|announce|conclude)/;

const methods = new Set<ProtocolMethod>();

describe('a commit over several nodes keeps every promise', () => {
  let measured: Map<CrashScenario, Measured>;

  beforeAll(async () => {
    measured = await measureAll(CRASH_SCENARIOS);
  });

  it.each(CRASH_SCENARIOS.map((scenario) => [scenario.title, scenario] as const))(
    'whatever goes wrong at any one step: %s',
    async (_, scenario) => {
      expect(await brokenAtAnyStep(methods, scenario, measured.get(scenario)!)).toEqual([]);
    },
  );

  it('whatever goes wrong at a step and at the one after it', async () => {
    const broken: string[] = [];
    for (const scenario of CRASH_SCENARIOS.slice(0, 2)) {
      const facts = measured.get(scenario)!;
      for (let number = 1; number <= facts.calls; number++) {
        for (const first of FAULTS) {
          for (const second of FAULTS) {
            const faults = new Map([first, second].map((fault, nth) => [number + nth, fault]));
            broken.push(...(await brokenBy(methods, scenario, facts, faults)));
          }
        }
      }
    }
    expect(broken).toEqual([]);
  }, 120_000);

  it(
    'whatever goes wrong at any two steps',
    async () => {
      await withSeed('two faults', async (random) => {
        expect(await brokenAtTwoSteps(methods, measured, { random, pairs: PAIRS })).toEqual([]);
      });
    },
    Math.min(soakLimitMs, 60_000 + PAIRS * 100),
  );

  it('in every step of the protocol', () => {
    const own = PROTOCOL_METHODS.filter((method) => !OF_PARTICIPANTS.test(method));
    expect([...methods].toSorted()).toEqual(own.toSorted());
  });
});
