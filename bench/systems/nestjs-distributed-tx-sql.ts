import 'reflect-metadata';
import { type INestApplicationContext, Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  DistributedTxModule,
  InjectTxRepository,
  Transactional,
  type TxRepository,
} from 'nestjs-distributed-tx';
import { PgParticipant } from 'nestjs-distributed-tx/pg';
import type pg from 'pg';
import { InsufficientFundsError } from '../accounts.js';
import { Account, insertAccounts } from './nestjs-distributed-tx.js';
import { createAccounts, openPool, readAccounts, transferInSql } from './sql-accounts.js';
import { readStoredItems } from './stored-items.js';
import type { CreateSystem, StoredAccount, System, SystemContext } from './system.js';
import type { Call } from './call.js';

@Injectable()
class SqlTransferService {
  constructor(
    @InjectTxRepository(Account) private readonly accounts: TxRepository<Account>,
    private readonly database: PgParticipant,
  ) {}

  @Transactional()
  async transfer(from: string, to: string, amount: number, call: Call): Promise<void> {
    call.attempts += 1;
    const [source, target] = await this.accounts.findManyOrFail([from, to]);
    if (source.balance < amount) throw new InsufficientFundsError(from);
    await this.accounts.save({ ...source, balance: source.balance - amount });
    await this.accounts.save({ ...target, balance: target.balance + amount });
    await transferInSql(this.database.pool, from, to, amount);
  }
}

/** A transfer between two items of the cache and, in the same transaction, two rows of a database. */
class NestjsDistributedTxSql implements System {
  readonly #context: SystemContext;
  readonly #pool: pg.Pool;
  #application!: INestApplicationContext;
  #service!: SqlTransferService;

  constructor(context: SystemContext) {
    this.#context = context;
    this.#pool = openPool(context);
  }

  async setup(ids: readonly string[]): Promise<void> {
    const participant = new PgParticipant({ name: 'bank', pool: this.#pool });
    await this.#pool.query(participant.migration());
    await createAccounts(this.#pool, ids);
    const [redis] = this.#context.redisUrls;
    @Module({
      imports: [DistributedTxModule.forRoot({ redis }), DistributedTxModule.forFeature([Account])],
      providers: [SqlTransferService, { provide: PgParticipant, useValue: participant }],
    })
    class BankModule {}
    this.#application = await NestFactory.createApplicationContext(BankModule, { logger: false });
    this.#service = this.#application.get(SqlTransferService);
    await insertAccounts(this.#application, ids);
  }

  transfer(from: string, to: string, amount: number, call: Call): Promise<void> {
    return this.#service.transfer(from, to, amount, call);
  }

  /** @throws Error where the cache and the database do not agree. */
  async check(ids: readonly string[]): Promise<StoredAccount[]> {
    const items = await readStoredItems(this.#context.redisUrls, ids);
    const rows = await readAccounts(this.#pool, ids);
    const torn = ids.filter((_, nth) => items[nth]?.balance !== rows[nth]?.balance);
    if (torn.length > 0) throw new Error(`${torn.length} accounts differ in cache and database.`);
    return items;
  }

  async close(): Promise<void> {
    await this.#application.close();
    await this.#pool.end();
  }
}

export const nestjsDistributedTxSql: CreateSystem = (context) =>
  new NestjsDistributedTxSql(context);
