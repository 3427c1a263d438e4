import 'reflect-metadata';
import { type INestApplicationContext, Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Cluster } from 'ioredis';
import {
  CounterBoundError,
  DistributedTxModule,
  type DistributedTxModuleOptions,
  getTxRepositoryToken,
  InjectTxRepository,
  Transactional,
  TransactionConflictError,
  TransactionManager,
  TransactionTimeoutError,
  TxEntity,
  type TxRepository,
} from 'nestjs-distributed-tx';
import { groupOf, InsufficientFundsError, newAccount } from '../accounts.js';
import { readStoredItems } from './stored-items.js';
import type { CreateSystem, StoredAccount, System, SystemContext } from './system.js';
import { chunksOf } from './layouts.js';
import { type Call, GaveUpError } from './call.js';

const INSERTS_PER_TRANSACTION = 100;

@TxEntity({ name: 'account' })
export class Account {
  id!: string;
  owner!: string;
  balance!: number;
  s!: string;
}

/** The same account in one slot of a cluster with all others of its group. */
@TxEntity({ name: 'account', hashTag: groupOf })
class GroupedAccount extends Account {}

@Injectable()
export class TransferService {
  constructor(@InjectTxRepository(Account) protected readonly accounts: TxRepository<Account>) {}

  @Transactional()
  async transfer(from: string, to: string, amount: number, call: Call): Promise<void> {
    call.attempts += 1;
    const [source, target] = await this.accounts.findManyOrFail([from, to]);
    if (source.balance < amount) throw new InsufficientFundsError(from);
    await this.accounts.save({ ...source, balance: source.balance - amount });
    await this.accounts.save({ ...target, balance: target.balance + amount });
  }
}

/** The same account with a balance that is added to without being read. */
@TxEntity({ name: 'account', counters: ['balance'] })
class CountedAccount extends Account {}

/** Transfers by increments, which do not conflict with each other. */
@Injectable()
class IncrementService extends TransferService {
  @Transactional()
  override async transfer(from: string, to: string, amount: number, call: Call): Promise<void> {
    call.attempts += 1;
    const { accounts } = this;
    await accounts.increment(from, 'balance', -amount, { min: 0 });
    await accounts.increment(to, 'balance', amount);
  }
}

/** A Nest application as the README shows it, without a server in front. */
export async function createBankApplication(
  options: DistributedTxModuleOptions,
  entity: typeof Account = Account,
): Promise<INestApplicationContext> {
  // The service asks for the repository of Account, and is given that of the entity.
  const repository = getTxRepositoryToken(Account);
  const alias = { provide: repository, useExisting: getTxRepositoryToken(entity) };
  @Module({
    imports: [DistributedTxModule.forRoot(options), DistributedTxModule.forFeature([entity])],
    providers: [TransferService, IncrementService, ...(entity === Account ? [] : [alias])],
  })
  class BankModule {}

  return await NestFactory.createApplicationContext(BankModule, { logger: false });
}

/** Stores a new account under each id, in transactions of moderate size. */
export async function insertAccounts(
  application: INestApplicationContext,
  ids: readonly string[],
): Promise<void> {
  const manager = application.get(TransactionManager);
  const accounts = application.get<TxRepository<Account>>(getTxRepositoryToken(Account), {
    strict: false,
  });
  for (const chunk of chunksOf(ids, INSERTS_PER_TRANSACTION)) {
    await manager.run(async () => {
      for (const id of chunk) await accounts.insert(newAccount(id));
    });
  }
}

export interface Variant {
  readonly options?: Partial<DistributedTxModuleOptions>;
  /** Another store than Redis. */
  readonly where?: (context: SystemContext) => Partial<DistributedTxModuleOptions>;
}

export class NestjsDistributedTx implements System {
  #application!: INestApplicationContext;
  #service!: TransferService;

  constructor(
    private readonly context: SystemContext,
    private readonly entity: typeof Account,
    private readonly variant: Variant = {},
  ) {}

  async setup(ids: readonly string[]): Promise<void> {
    const [first, ...others] = this.context.redisUrls;
    // The library duplicates the client it is given, so this one never has to connect.
    const redis =
      others.length === 0 ? first : new Cluster([first, ...others], { lazyConnect: true });
    this.#application = await createBankApplication(
      { ...(this.variant.where?.(this.context) ?? { redis }), ...this.variant.options },
      this.entity,
    );
    const service = this.entity === CountedAccount ? IncrementService : TransferService;
    this.#service = this.#application.get(service);
    await insertAccounts(this.#application, ids);
  }

  async transfer(from: string, to: string, amount: number, call: Call): Promise<void> {
    try {
      await this.#service.transfer(from, to, amount, call);
    } catch (error) {
      if (error instanceof CounterBoundError) throw new InsufficientFundsError(from);
      throw gaveUp(error) ?? error;
    }
  }

  /** Looks at the stored strings themselves, past the library. */
  check(ids: readonly string[]): Promise<StoredAccount[]> {
    const isElsewhere = this.variant.where !== undefined;
    return isElsewhere ? this.#read(ids) : readStoredItems(this.context.redisUrls, ids);
  }

  /** By the library, where only that knows how to ask. */
  async #read(ids: readonly string[]): Promise<StoredAccount[]> {
    const accounts = this.#application.get<TxRepository<Account>>(getTxRepositoryToken(Account), {
      strict: false,
    });
    const stored: StoredAccount[] = [];
    for (const chunk of chunksOf(ids, INSERTS_PER_TRANSACTION)) {
      for (const account of await accounts.findManyOrFail(chunk)) {
        const version = Number.parseInt(accounts.versionOf(account) ?? '', 10);
        stored.push({ balance: account.balance, version });
      }
    }
    return stored;
  }

  async close(): Promise<void> {
    await this.#application.close();
  }
}

/** The error of a transaction that ended by conflicts or time, and committed nothing. */
export function gaveUp(error: unknown): GaveUpError | undefined {
  const givenUp =
    error instanceof TransactionConflictError || error instanceof TransactionTimeoutError;
  return givenUp ? new GaveUpError(error) : undefined;
}

/** Calls do not take turns, and lose more often than the default allows. */
export const NO_HAND_OVER: Partial<DistributedTxModuleOptions> = {
  handOver: false,
  defaults: { retry: { attempts: 1000 } },
};

export const nestjsDistributedTx: CreateSystem = (context) =>
  new NestjsDistributedTx(context, Account);
export const nestjsDistributedTxOneSlot: CreateSystem = (context) =>
  new NestjsDistributedTx(context, GroupedAccount);
export const nestjsDistributedTxNoHandOver: CreateSystem = (context) =>
  new NestjsDistributedTx(context, Account, {
    options: NO_HAND_OVER,
  });
export const nestjsDistributedTxIncrement: CreateSystem = (context) =>
  new NestjsDistributedTx(context, CountedAccount);
