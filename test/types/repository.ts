// What a repository accepts and gives, by the class of its entity.
import {
  getTxRepositoryToken,
  InjectTxRepository,
  TransactionManager,
  TxEntity,
  type EntityData,
  type TxRepository,
} from 'nestjs-distributed-tx';

@TxEntity({ name: 'account', counters: ['balance'], hashTag: (id) => id, ttlMs: 1000 })
export class Account {
  id!: string;
  owner!: string;
  balance!: number;
  limit?: number;
  tags!: readonly string[];

  describe(): string {
    return this.owner;
  }
}

declare const accounts: TxRepository<Account>;
declare const manager: TransactionManager;
declare const ids: string[];

export class Service {
  constructor(@InjectTxRepository(Account) readonly repository: TxRepository<Account>) {}
}

export const token: symbol = getTxRepositoryToken(Account);

export async function reads(): Promise<void> {
  const one: Account | null = await accounts.findOne('a');
  const sure: Account = await accounts.findOneOrFail('a');
  sure.describe();

  // As many entities as there are ids, so that they can be taken apart without a check.
  const [source, target] = await accounts.findManyOrFail(['a', 'b']);
  source.describe();
  target.describe();
  // @ts-expect-error: there is no third one.
  const [, , third] = await accounts.findManyOrFail(['a', 'b']);
  const many: Account[] = await accounts.findManyOrFail(ids);
  const perhaps: (Account | null)[] = await accounts.findMany(ids);
  const [first] = await accounts.findMany(['a', 'b']);
  // @ts-expect-error: findMany gives null for what is not there.
  first.describe();
  // @ts-expect-error: findOne gives null for what is not there.
  one.describe();
  // @ts-expect-error: an id is a text.
  await accounts.findOne(7);
  void [third, many, perhaps];
}

export async function writes(): Promise<void> {
  const account = await accounts.findOneOrFail('a');
  const saved: Account = await accounts.save({ ...account, balance: 1 });
  await accounts.save(saved, { expectedVersion: accounts.versionOf(saved) ?? 'x' });
  const data: EntityData<Account> = { id: 'a', owner: 'Ann', balance: 1, tags: [] };
  await accounts.insert(data);
  await accounts.insert({ ...data, limit: undefined });
  // @ts-expect-error: the owner is missing.
  await accounts.save({ id: 'a', balance: 1, tags: [] });
  // @ts-expect-error: a balance is a number.
  await accounts.save({ ...data, balance: '1' });
  // @ts-expect-error: there is no such property.
  await accounts.insert({ ...data, colour: 'red' });
  // @ts-expect-error: a version is a text.
  await accounts.save(data, { expectedVersion: 1 });
}

export async function updates(): Promise<void> {
  await accounts.update('a', { owner: 'Ben' });
  await accounts.update('a', { owner: undefined, tags: ['x'] });
  await accounts.update('a', {});
  // @ts-expect-error: a balance is a number.
  await accounts.update('a', { balance: '1' });
  // @ts-expect-error: there is no such property.
  await accounts.update('a', { colour: 'red' });
  // @ts-expect-error: a method cannot be stored.
  await accounts.update('a', { describe: () => 'x' });
  // @ts-expect-error: an owner is never null.
  await accounts.update('a', { owner: null });
}

export async function increments(): Promise<void> {
  await accounts.increment('a', 'balance', -1, { min: 0, max: 10 });
  // @ts-expect-error: a name is no number.
  await accounts.increment('a', 'owner', 1);
  // @ts-expect-error: a method is no number.
  await accounts.increment('a', 'describe', 1);
  // @ts-expect-error: there is no such property.
  await accounts.increment('a', 'colour', 1);
  // @ts-expect-error: a number is added, not a text.
  await accounts.increment('a', 'balance', '1');
  // @ts-expect-error: bounds are named min and max.
  await accounts.increment('a', 'balance', 1, { minimum: 0 });
}

export async function runs(): Promise<void> {
  const value: number = await manager.run(async () => 1);
  const transaction = manager.begin({ timeoutMs: 10 });
  const inner: string = await transaction.run(async () => 'a');
  const outcome: 'committed' | 'rolled_back' | 'undecided' | 'expired' = await manager.outcomeOf(
    transaction.address,
  );
  // @ts-expect-error: work is asynchronous.
  await manager.run(() => 1);
  // @ts-expect-error: there may be none.
  void manager.current().id;
  // @ts-expect-error: what a transaction is cannot be changed.
  transaction.id = 'x';
  void [value, inner, outcome];
}

// @ts-expect-error: an entity has a name.
TxEntity({})(Account);
// @ts-expect-error: a time to live is a number of milliseconds.
TxEntity({ name: 'a', ttlMs: '1s' })(Account);
