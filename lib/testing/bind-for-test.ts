import { createTestTransactions, type TestTransactions } from './test-transactions.js';

/** What `bindForTest` may be told. */
export interface BindForTestOptions {
  /**
   * Shared by all instances of one test that take part in the same transactions; real repositories
   * that an instance is given have to be of these. @default own ones
   */
  readonly transactions?: Pick<TestTransactions, 'manager'>;
}

/**
 * Makes `new Service(fakes)` work in a unit test without Nest: its `@Transactional()` methods run as
 * transactions over an embedded store. Returns the instance.
 *
 * @throws TransactionManagerMismatchError when the instance is bound to other transactions already.
 */
export function bindForTest<T extends object>(
  instance: T,
  { transactions = createTestTransactions() }: BindForTestOptions = {},
): T {
  return transactions.manager.bind(instance);
}
