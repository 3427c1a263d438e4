import { ABSENCE_STATES, runAbsenceScenario } from '../support/absence-scenario.js';
import { ScenarioTrial, type CrashScenario, type Expected } from '../support/crash-scenario.js';
import { CRASH_SCENARIOS, PARTICIPANT_SCENARIOS } from '../support/crash-scenarios.js';
import { FAULT_KINDS, type Fault } from '../support/faulty-store.js';
import { describeAnomalies } from '../support/history/index.js';
import { SeededRandom } from '../support/seeded-random.js';
import { Simulation } from '../support/simulation.js';
import { endWith, endWithParent, workerConfig } from '../support/worker-process.js';

export interface TwoPhaseSuiteConfig {
  readonly seed: number;
  readonly simulations: number;
  /** Whether other participants take part than the store. */
  readonly participants: boolean;
}

const faults: readonly Fault[] = [
  ...FAULT_KINDS.map((kind) => ({ kind })),
  { kind: 'late', afterCalls: 4 },
  { kind: 'repeated', afterCalls: 4 },
];

/** What the crash of any one step breaks first, or what a simulation finds; nothing where all is well. */
async function firstFailure({
  seed,
  simulations,
  participants,
}: TwoPhaseSuiteConfig): Promise<string> {
  for (const scenario of participants ? PARTICIPANT_SCENARIOS : CRASH_SCENARIOS) {
    const broken = await brokenIn(scenario);
    if (broken !== undefined) return broken;
  }
  if (participants) return '';
  const { seen } = await runAbsenceScenario(false);
  if (!ABSENCE_STATES.some((state) => String(state) === String(seen))) {
    return `a transaction has seen ${JSON.stringify(seen)}, which never existed`;
  }
  for (let run = 0; run < simulations; run += 1) {
    const random = new SeededRandom((seed + run) % 2 ** 32);
    const verdict = await new Simulation({ random, transactions: 240, faults: 0.02 }).run();
    const { anomalies, miscounted, left } = verdict;
    if (anomalies.length > 0) return describeAnomalies(anomalies).slice(0, 200);
    if (miscounted !== 0 || left.length > 0)
      return `${miscounted} miscounted, left: ${left.join()}`;
  }
  return '';
}

async function brokenIn(scenario: CrashScenario): Promise<string | undefined> {
  const before = await new ScenarioTrial({ ...scenario, work: async () => undefined }).run();
  const trial = new ScenarioTrial(scenario);
  const run = await trial.run();
  if (run.told.kind !== 'committed' || trial.broken.length > 0)
    return `${scenario.title}: ${JSON.stringify(run.told)} ${trial.broken.join()}`;
  const expected = { before: before.items, after: run.items };
  for (let number = 1; number <= run.calls; number += 1) {
    for (const fault of faults) {
      const broken = await brokenBy(scenario, [[number, fault]], expected);
      if (broken !== undefined) return broken;
    }
  }
  return scenario === CRASH_SCENARIOS[0] || scenario === PARTICIPANT_SCENARIOS[0]
    ? brokenByTwo(scenario, run.calls, expected)
    : undefined;
}

/** A step that arrives late matters most where the question for it gets lost as well. */
async function brokenByTwo(
  scenario: CrashScenario,
  calls: number,
  expected: Expected,
): Promise<string | undefined> {
  for (let number = 1; number <= calls; number += 1) {
    for (const first of faults) {
      for (const second of faults) {
        const both = [first, second].map((fault, nth): [number, Fault] => [number + nth, fault]);
        const broken = await brokenBy(scenario, both, expected);
        if (broken !== undefined) return broken;
      }
    }
  }
  return undefined;
}

async function brokenBy(
  scenario: CrashScenario,
  planned: readonly (readonly [number, Fault])[],
  expected: Expected,
): Promise<string | undefined> {
  const trial = new ScenarioTrial(scenario, new Map(planned), expected);
  await trial.run();
  const [broken] = trial.broken;
  return broken === undefined
    ? undefined
    : `${scenario.title}, ${JSON.stringify(planned)}: ${broken}`;
}

endWithParent();
endWith(
  await firstFailure(workerConfig<TwoPhaseSuiteConfig>()).catch((error: unknown) => String(error)),
);
