export {
  TransactionParticipant,
  type BranchInfo,
  type TransactionParticipantOptions,
  type TryConfirmCancel,
} from './transaction-participant.decorator.js';
