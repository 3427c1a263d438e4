import { createScriptedTransactions } from '../../test/support/scripted-store.js';
import type { Transaction } from './transaction.js';
import type { TransactionOptions } from './transaction-options.js';

const { manager } = createScriptedTransactions();

/** As query builders are: no Promise, and nothing is run before somebody waits for it. */
function builder(): Promise<Transaction | undefined> {
  const then: Promise<Transaction | undefined>['then'] = (resolve, reject) =>
    Promise.resolve(manager.current()).then(resolve, reject);
  // oxlint-disable-next-line unicorn/no-thenable -- that is what it is about
  return { then } as Promise<Transaction | undefined>;
}

function run(propagation?: TransactionOptions['propagation']): Promise<Transaction | undefined> {
  return manager.run(builder, { propagation });
}

describe('a builder that a method returns', () => {
  it('runs in the transaction of that method', async () => {
    expect(await run()).toBeDefined();
    await manager.run(async () => {
      const outer = manager.current();
      expect(await run('REQUIRED')).toBe(outer);
      expect(await run('NESTED')).toBe(outer);
      const own = await run('REQUIRES_NEW');
      expect(own).toBeDefined();
      expect(own).not.toBe(outer);
      expect(await run('NOT_SUPPORTED')).toBeUndefined();
    });
  });

  it('runs in a transaction that was begun by hand', async () => {
    const transaction = manager.begin();

    expect(await transaction.run(builder)).toBe(transaction);
    await transaction.rollback();
  });
});
