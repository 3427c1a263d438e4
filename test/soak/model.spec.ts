import { shareOf } from '../support/soak.js';

// The spec of every run of the tests; at full size with its large case, which is never cut short.
process.env['DTX_MODEL_STATES'] ??= String(Math.max(250_000, shareOf(3_200_000)));
await import('../model/model.spec.js');
