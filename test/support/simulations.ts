import { describeAnomalies } from './history/index.js';
import type { CreateLayout } from './layouts.js';
import { chooseSeed, SeededRandom } from './seeded-random.js';
import { Simulation, type SimulationVerdict } from './simulation.js';
import { sayProgress } from './soak.js';

/** How probable it is that a call meets a fault, by turns. */
const FAULT_RATES = [0.02, 0.005, 0.05, 0] as const;

export interface Simulations {
  readonly runs: number;
  /** Of each run. */
  readonly transactions: number;
  readonly layout?: CreateLayout;
}

/** Runs simulations of seeds that follow each other. Each of them has to be without anomaly and to leave nothing behind. */
export async function runSimulations(
  { runs, ...options }: Simulations,
  onVerdict: (verdict: SimulationVerdict) => void,
): Promise<void> {
  const first = chooseSeed();
  for (let run = 0; run < runs; run++) {
    const seed = (first + run) % 2 ** 32;
    const random = new SeededRandom(seed);
    const faults = Number(
      process.env['DTX_SIMULATION_FAULTS'] ?? FAULT_RATES[run % FAULT_RATES.length],
    );
    const verdict = await new Simulation({ ...options, random, faults }).run();

    const replay = `DTX_SEED=${seed} DTX_SIMULATION_FAULTS=${faults}`;
    const { anomalies, miscounted, left } = verdict;
    expect({ replay, anomalies: describeAnomalies(anomalies), miscounted, left }).toEqual({
      replay,
      anomalies: '',
      miscounted: 0,
      left: [],
    });
    onVerdict(verdict);
    sayProgress(run + 1, runs, `DTX_SEED from ${first}`);
  }
}
