import type { ProtocolMethod } from '../support/faulty-store.js';
import { runSimulations } from '../support/simulations.js';
import { soakLimitMs } from '../support/soak.js';

const RUNS = Number(process.env['DTX_SIMULATIONS'] ?? 50);
const TRANSACTIONS = 240;

describe('three instances over four nodes', () => {
  it(
    'are strictly serializable, whatever goes wrong and whoever dies',
    async () => {
      const methods = new Set<ProtocolMethod>();
      const totals = { committed: 0, crashes: 0, faults: 0 };
      await runSimulations({ runs: RUNS, transactions: TRANSACTIONS }, (verdict) => {
        for (const method of verdict.methods) methods.add(method);
        totals.committed += verdict.committed;
        totals.crashes += verdict.crashes;
        totals.faults += verdict.faults;
      });
      expect(totals.committed).toBeGreaterThan((RUNS * TRANSACTIONS) / 2);
      expect(totals.crashes).toBeGreaterThan(RUNS / 10);
      expect(totals.faults).toBeGreaterThan(RUNS * 10);
      expect(methods.size).toBeGreaterThan(12);
    },
    Math.min(soakLimitMs, 60_000 + RUNS * 1000),
  );
});
