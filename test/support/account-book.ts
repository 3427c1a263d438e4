import { TxEntity } from '../../lib/repository/entity-definition.js';
import type { TxRepository } from '../../lib/repository/tx-repository.js';
import { Account, commitCountIn } from './entities.js';
import type { TestRuntime } from './test-runtime.js';

/** The name of the store that has the accounts of odd numbers. */
export const FAR = 'far';

@TxEntity({ name: 'far-account', counters: ['points'], store: FAR })
class FarAccount extends Account {}

/** What a bank does with accounts, wherever they lie. */
export interface AccountBook {
  insert(account: Account): Promise<unknown>;
  findOneOrFail(id: string): Promise<Account>;
  findManyOrFail(ids: readonly string[]): Promise<readonly Account[]>;
  save(account: Account): Promise<unknown>;
  increment(
    id: string,
    counter: 'points',
    by: number,
    bounds?: { readonly min?: number },
  ): Promise<unknown>;
  /** How many commits an account has seen. */
  commitCountOf(id: string): Promise<number>;
}

/** Accounts by their numbers: the odd ones in a store of their own, where there is one. */
export function accountBook(runtime: TestRuntime, isSplit = false): AccountBook {
  const near = runtime.repository(Account);
  const far = isSplit ? runtime.repository(FarAccount) : near;
  const of = (id: string): TxRepository<Account> => (isFar(id) ? far : near);
  return {
    insert: (account) => of(account.id).insert(account),
    findOneOrFail: (id) => of(id).findOneOrFail(id),
    findManyOrFail: async (ids) => {
      const found = new Map<string, Account>();
      for (const repository of new Set([near, far])) {
        const own = ids.filter((id) => of(id) === repository);
        for (const account of await repository.findManyOrFail(own)) found.set(account.id, account);
      }
      return ids.map((id) => found.get(id)!);
    },
    save: (account) => of(account.id).save(account),
    increment: (id, counter, by, bounds) => of(id).increment(id, counter, by, bounds),
    commitCountOf: async (id) => commitCountIn(of(id).versionOf((await of(id).peek(id))!)),
  };
}

/** Whether an account lies in the other store, where there are two. */
export function isFar(id: string): boolean {
  return Number(id.slice(1)) % 2 === 1;
}
