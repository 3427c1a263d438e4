import { shareOf } from '../support/soak.js';

// The spec of every run of the tests, with many more pairs of faults.
process.env['DTX_CRASH_PAIRS'] ??= String(shareOf(200_000));
await import('../protocol/two-phase-crash.spec.js');
