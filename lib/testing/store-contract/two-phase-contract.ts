import type { ContractCase } from './contract-session.js';
import { APPLY_CONTRACT } from './apply-contract.js';
import { DECIDE_CONTRACT } from './decide-contract.js';
import { PREPARE_CONTRACT } from './prepare-contract.js';
import { RECORD_CONTRACT } from './record-contract.js';
import { RELEASE_CONTRACT } from './release-contract.js';

/** In the order of a transaction: prepare, decide, then apply or release. */
export const TWO_PHASE_CONTRACT: readonly ContractCase[] = [
  ...PREPARE_CONTRACT,
  ...DECIDE_CONTRACT,
  ...RECORD_CONTRACT,
  ...APPLY_CONTRACT,
  ...RELEASE_CONTRACT,
];
