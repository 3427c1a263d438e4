import { shareOf } from '../support/soak.js';

// The spec of every run of the tests, with many more seeds.
process.env['DTX_SIMULATIONS'] ??= String(shareOf(12_000));
await import('../protocol/two-phase-simulation.spec.js');
