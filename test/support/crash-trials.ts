import { ScenarioTrial, type CrashScenario, type Expected, type Faults } from './crash-scenario.js';
import type { ProtocolMethod } from './faulty-store.js';

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
