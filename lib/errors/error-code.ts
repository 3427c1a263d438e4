/**
 * The catalogue of errors: every code, once. The first digit says who has to act:
 * 1 the caller's code, 2 a conflict with another transaction, 3 the store or this library, 4 unknown.
 */
export const ERROR_CODES = {
  MODULE_OPTIONS: 'DTX-1001',
  TRANSACTION_OPTIONS: 'DTX-1002',
  MANAGER_MISSING: 'DTX-1003',
  MANAGER_MISMATCH: 'DTX-1004',
  RETURN_TYPE: 'DTX-1005',
  TRANSACTION_REQUIRED: 'DTX-1006',
  TRANSACTION_NOT_ALLOWED: 'DTX-1007',
  TRANSACTION_CLOSED: 'DTX-1008',
  TRANSACTION_ROLLED_BACK: 'DTX-1009',
  TRANSACTION_READ_ONLY: 'DTX-1010',
  LIMIT_EXCEEDED: 'DTX-1012',
  ADDRESS_INVALID: 'DTX-1013',
  PARTICIPANT_USAGE: 'DTX-1014',
  ENTITY_DEFINITION: 'DTX-1101',
  ENTITY_INVALID: 'DTX-1102',
  ENTITY_ID_INVALID: 'DTX-1103',
  ENTITY_NOT_FOUND: 'DTX-1104',
  ENTITY_ALREADY_EXISTS: 'DTX-1105',
  COUNTER_BOUND: 'DTX-1106',
  FOREIGN_DATA: 'DTX-1107',
  TRANSACTION_CONFLICT: 'DTX-2001',
  VERSION_MISMATCH: 'DTX-2002',
  PARTICIPANT_CONFLICT: 'DTX-2003',
  TRANSACTION_TIMEOUT: 'DTX-3001',
  STORE_UNAVAILABLE: 'DTX-3002',
  STORE_REFUSED: 'DTX-3003',
  INVARIANT_VIOLATION: 'DTX-3004',
  STREAM_UNSUBSCRIBED: 'DTX-3005',
  STORED_DATA: 'DTX-3006',
  PARTICIPANT_UNAVAILABLE: 'DTX-3007',
  PARTICIPANT_REFUSED: 'DTX-3008',
  OUTCOME_UNKNOWN: 'DTX-4001',
  DURABILITY_NOT_REACHED: 'DTX-4002',
} as const;

export type ErrorCode = (typeof ERROR_CODES)[keyof typeof ERROR_CODES];

/**
 * What a caller may conclude from an error.
 *
 * - `user`: the call or the data are wrong; nothing was written; trying again changes nothing.
 * - `conflict`: another transaction was faster; nothing was written; a new call may succeed.
 * - `internal`: the store or this library could not do it; nothing was written.
 * - `outcome-unknown`: the commit may or may not have happened; ask for it by its address.
 */
export type ErrorCategory = 'user' | 'conflict' | 'internal' | 'outcome-unknown';
