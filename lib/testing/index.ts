export { bindForTest, type BindForTestOptions } from './bind-for-test.js';
export { DistributedTxTestingModule } from './distributed-tx-testing.module.js';
export { embedDistributedTx, type ProviderOverrides } from './embed-distributed-tx.js';
export { ManualClock, type ManualClockOptions } from './manual-clock.js';
export { resetDistributedTx, type ProviderSource } from './reset-distributed-tx.js';
export {
  describeParticipant,
  type ParticipantFactory,
  type ParticipantFixture,
} from './participant-contract/describe-participant.js';
export type { StoreFactory, StoreFixture } from './store-contract/contract-session.js';
export {
  describeVersionedStore,
  type ContractOptions,
  type TestFramework,
} from './store-contract/describe-versioned-store.js';
export {
  createTestTransactions,
  type TestTransactions,
  type TestTransactionsOptions,
} from './test-transactions.js';
