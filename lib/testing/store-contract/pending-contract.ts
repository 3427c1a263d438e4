import { ANNOUNCE_CONTRACT } from './announce-contract.js';
import { ANNOUNCED_COMMIT_CONTRACT } from './announced-commit-contract.js';
import { CONCLUDE_CONTRACT } from './conclude-contract.js';
import type { ContractCase } from './contract-session.js';

/** What a transaction writes down before it is decided, and what becomes of that. */
export const PENDING_CONTRACT: readonly ContractCase[] = [
  ...ANNOUNCE_CONTRACT,
  ...ANNOUNCED_COMMIT_CONTRACT,
  ...CONCLUDE_CONTRACT,
];
