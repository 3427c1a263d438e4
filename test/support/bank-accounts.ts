import { TxEntity } from '../../lib/repository/entity-definition.js';
import type { TxRepository } from '../../lib/repository/tx-repository.js';
import { Account, accountKey, commitCountIn } from './entities.js';
import type { TestRuntime } from './test-runtime.js';

/** An account in the store `far`. */
@TxEntity({ name: 'far-account', store: 'far', counters: ['points'] })
export class FarAccount {
  id!: string;
  balance!: number;
  points!: number;
}

/** Where the accounts of a bank lie: all of them in the default store, or every other one in `far`. */
export type AccountPlaces = 'default' | 'both';

/** All accounts of a bank, in whichever stores they lie. */
export class BankAccounts {
  readonly #near: TxRepository<Account>;
  readonly #far: TxRepository<Account> | undefined;

  constructor(runtime: TestRuntime, places: AccountPlaces = 'default') {
    this.#near = runtime.repository(Account);
    this.#far = places === 'both' ? runtime.repository(FarAccount) : undefined;
  }

  insert(account: Account): Promise<Account> {
    return this.#of(account.id).insert(account);
  }

  save(account: Account): Promise<Account> {
    return this.#of(account.id).save(account);
  }

  async addPoints(id: string, by: number, bounds: { readonly min?: number } = {}): Promise<void> {
    await this.#of(id).increment(id, 'points', by, bounds);
  }

  findOneOrFail(id: string): Promise<Account> {
    return this.#of(id).findOneOrFail(id);
  }

  /** Those of each store together; in no order. */
  async findManyOrFail(ids: readonly string[]): Promise<readonly Account[]> {
    if (this.#far === undefined) return this.#near.findManyOrFail(ids);
    const [near, far] = await Promise.all([
      this.#near.findManyOrFail(ids.filter((id) => !isFar(id))),
      this.#far.findManyOrFail(ids.filter(isFar)),
    ]);
    return [...near, ...far];
  }

  /** How many commits an account has seen; to open it is one, too. */
  async commitCountOf(id: string): Promise<number> {
    const repository = this.#of(id);
    const account = await repository.peek(id);
    if (account === null) throw new Error(`There is no account ${id}.`);
    return commitCountIn(repository.versionOf(account));
  }

  #of(id: string): TxRepository<Account> {
    return this.#far !== undefined && isFar(id) ? this.#far : this.#near;
  }
}

/** The keys of accounts by the store they lie in, as that store has them. */
export function placedAccountKeys(
  ids: readonly string[],
  places: AccountPlaces,
): { readonly default: readonly string[]; readonly far: readonly string[] } {
  if (places === 'default') return { default: ids.map(accountKey), far: [] };
  return {
    default: ids.filter((id) => !isFar(id)).map(accountKey),
    far: ids.filter(isFar).map((id) => `far-account:${id}`),
  };
}

function isFar(id: string): boolean {
  return Number(id.slice(1)) % 2 === 1;
}
