import { ScenarioTrial, type CrashScenario, type Expected, type Faults } from './crash-scenario.js';
import { FAULT_KINDS, type Fault, type ProtocolMethod } from './faulty-store.js';
import type { SeededRandom } from './seeded-random.js';
import { sayProgress } from './soak.js';

/** What can happen to one call of a store. */
export const FAULTS: readonly Fault[] = [
  ...FAULT_KINDS.map((kind) => ({ kind })),
  { kind: 'late', afterCalls: 1 },
  { kind: 'late', afterCalls: 4 },
  { kind: 'repeated', afterCalls: 1 },
  { kind: 'repeated', afterCalls: 4 },
];

export interface Measured {
  readonly expected: Expected;
  /** How many calls there are without any fault. */
  readonly calls: number;
}

/** What a scenario does, and leaves behind, without any fault. */
export async function measure(scenario: CrashScenario): Promise<Measured> {
  const before = await new ScenarioTrial({ ...scenario, work: async () => undefined }).run();
  const trial = new ScenarioTrial(scenario);
  const { items, calls, told } = await trial.run();
  expect(told).toEqual({ kind: 'committed' });
  expect(items).not.toEqual(before.items);
  expect(trial.broken).toEqual([]);
  return { expected: { before: before.items, after: items }, calls };
}

/** The promises that are broken by these faults. @param methods Every step of the protocol is added that it came to. */
export async function brokenBy(
  methods: Set<ProtocolMethod>,
  scenario: CrashScenario,
  { expected }: Measured,
  faults: Faults,
): Promise<string[]> {
  const trial = new ScenarioTrial(scenario, faults, expected);
  const run = await trial.run();
  for (const method of run.methods) methods.add(method);
  const text = JSON.stringify([...faults]);
  return trial.broken.map((broken) => `${scenario.title}, ${text}: ${broken}`);
}

/** The promises that are broken when one call goes wrong: each call of the scenario, with each of the faults. */
export async function brokenAtAnyStep(
  methods: Set<ProtocolMethod>,
  scenario: CrashScenario,
  facts: Measured,
  faults: readonly Fault[] = FAULTS,
): Promise<string[]> {
  const broken: string[] = [];
  for (let number = 1; number <= facts.calls; number++) {
    for (const fault of faults) {
      broken.push(...(await brokenBy(methods, scenario, facts, new Map([[number, fault]]))));
    }
  }
  return broken;
}

export interface TwoFaultTrials {
  readonly random: SeededRandom;
  readonly pairs: number;
  /** @default FAULTS */
  readonly faults?: readonly Fault[];
}

/** The promises that are broken when two calls of a scenario go wrong, drawn at random. */
export async function brokenAtTwoSteps(
  methods: Set<ProtocolMethod>,
  measured: ReadonlyMap<CrashScenario, Measured>,
  { random, pairs, faults = FAULTS }: TwoFaultTrials,
): Promise<string[]> {
  const broken: string[] = [];
  for (let pair = 0; pair < pairs; pair++) {
    const [scenario, facts] = random.pick([...measured]);
    // After the first fault there are more calls than without.
    const numbers = [1 + random.integer(facts.calls), 1 + random.integer(facts.calls + 6)];
    const drawn = new Map(numbers.map((number) => [number, random.pick(faults)]));
    broken.push(...(await brokenBy(methods, scenario, facts, drawn)));
    sayProgress(pair + 1, pairs, `DTX_SEED=${random.seed}: ${broken.length} broken promises`);
  }
  return broken;
}

/** What each scenario does without any fault. */
export async function measureAll(
  scenarios: readonly CrashScenario[],
): Promise<Map<CrashScenario, Measured>> {
  const measured = new Map<CrashScenario, Measured>();
  for (const scenario of scenarios) measured.set(scenario, await measure(scenario));
  return measured;
}
