import type { ProtocolMethod } from '../support/faulty-store.js';
import { describeAnomalies } from '../support/history/index.js';
import { chooseSeed, SeededRandom } from '../support/seeded-random.js';
import { sayProgress, soakLimitMs } from '../support/soak.js';
import { Simulation } from '../support/simulation.js';

const RUNS = Number(process.env['DTX_SIMULATIONS'] ?? 50);
const TRANSACTIONS = 240;
/** How probable it is that a call meets a fault, by turns. */
const FAULTS = [0.02, 0.005, 0.05, 0] as const;

describe('three instances over four nodes', () => {
  it(
    'are strictly serializable, whatever goes wrong and whoever dies',
    async () => {
      const first = chooseSeed();
      const methods = new Set<ProtocolMethod>();
      const totals = { committed: 0, crashes: 0, faults: 0 };
      for (let run = 0; run < RUNS; run++) {
        const seed = (first + run) % 2 ** 32;
        const random = new SeededRandom(seed);
        const faults = Number(process.env['DTX_SIMULATION_FAULTS'] ?? FAULTS[run % FAULTS.length]);
        const simulation = new Simulation({ random, transactions: TRANSACTIONS, faults });
        const verdict = await simulation.run();

        const replay = `DTX_SEED=${seed} DTX_SIMULATION_FAULTS=${faults}`;
        const { anomalies, miscounted, left } = verdict;
        expect({ replay, anomalies: describeAnomalies(anomalies), miscounted, left }).toEqual({
          replay,
          anomalies: '',
          miscounted: 0,
          left: [],
        });
        for (const method of verdict.methods) methods.add(method);
        totals.committed += verdict.committed;
        totals.crashes += verdict.crashes;
        totals.faults += verdict.faults;
        sayProgress(run + 1, RUNS, `DTX_SEED from ${first}: ${JSON.stringify(totals)}`);
      }
      expect(totals.committed).toBeGreaterThan((RUNS * TRANSACTIONS) / 2);
      expect(totals.crashes).toBeGreaterThan(RUNS / 10);
      expect(totals.faults).toBeGreaterThan(RUNS * 10);
      expect(methods.size).toBeGreaterThan(12);
    },
    Math.min(soakLimitMs, 60_000 + RUNS * 1000),
  );
});
