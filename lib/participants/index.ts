export { Branch, type BranchTransaction } from './branch.js';
export type {
  BranchRecovery,
  Participant,
  ParticipantCapabilities,
  ParticipantEnvironment,
  ParticipantSavepoints,
} from './participant.js';
