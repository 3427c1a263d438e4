import type { CrashScenario } from '../support/crash-scenario.js';
import { CRASH_SCENARIOS } from '../support/crash-scenarios.js';
import { brokenBy, measure, type Measured } from '../support/crash-trials.js';
import {
  FAULT_KINDS,
  PROTOCOL_METHODS,
  type Fault,
  type ProtocolMethod,
} from '../support/faulty-store.js';
import { withSeed } from '../support/seeded-random.js';
import { sayProgress, soakLimitMs } from '../support/soak.js';

const PAIRS = Number(process.env['DTX_CRASH_PAIRS'] ?? 500);

const FAULTS: readonly Fault[] = [
  ...FAULT_KINDS.map((kind) => ({ kind })),
  { kind: 'late', afterCalls: 1 },
  { kind: 'late', afterCalls: 4 },
  { kind: 'repeated', afterCalls: 1 },
  { kind: 'repeated', afterCalls: 4 },
];

/** The steps of commits in which others take part: participants-crash.spec.ts. */
const OF_PARTICIPANTS = /^(participant|announce|conclude)/;

const methods = new Set<ProtocolMethod>();

describe('a commit over several nodes keeps every promise', () => {
  const measured = new Map<CrashScenario, Measured>();

  beforeAll(async () => {
    for (const scenario of CRASH_SCENARIOS) measured.set(scenario, await measure(scenario));
  });

  it.each(CRASH_SCENARIOS.map((scenario) => [scenario.title, scenario] as const))(
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
        const broken: string[] = [];
        for (let pair = 0; pair < PAIRS; pair++) {
          const scenario = random.pick(CRASH_SCENARIOS);
          const facts = measured.get(scenario)!;
          // After the first fault there are more calls than without.
          const numbers = [1 + random.integer(facts.calls), 1 + random.integer(facts.calls + 6)];
          const faults = new Map(numbers.map((number) => [number, random.pick(FAULTS)]));
          broken.push(...(await brokenBy(methods, scenario, facts, faults)));
          sayProgress(pair + 1, PAIRS, `DTX_SEED=${random.seed}: ${broken.length} broken promises`);
        }
        expect(broken).toEqual([]);
      });
    },
    Math.min(soakLimitMs, 60_000 + PAIRS * 100),
  );

  it('in every step of the protocol', () => {
    const own = PROTOCOL_METHODS.filter((method) => !OF_PARTICIPANTS.test(method));
    expect([...methods].toSorted()).toEqual(own.toSorted());
  });
});
