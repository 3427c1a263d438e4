import 'reflect-metadata';
import { type INestApplicationContext, Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  DistributedTxModule,
  type DistributedTxModuleOptions,
  InjectTxRepository,
  Transactional,
  TxEntity,
  type TxRepository,
} from 'nestjs-distributed-tx';
import type { Call } from '../call.js';
import { gaveUp, NO_HAND_OVER } from '../nestjs-distributed-tx.js';
import { chunksOf } from '../layouts.js';
import type { SystemContext } from '../system.js';
import {
  type Amounts,
  type CreateItemSystem,
  type ItemSystem,
  newItem,
  type Work,
} from './item-system.js';

const INSERTS_PER_TRANSACTION = 100;

@TxEntity({ name: 'item' })
class Item {
  id!: string;
  amount!: number;
  note!: string;
}

@Injectable()
class WorkService {
  constructor(@InjectTxRepository(Item) private readonly items: TxRepository<Item>) {}

  @Transactional()
  async run(work: Work, call: Call): Promise<boolean> {
    call.attempts += 1;
    const read = await this.items.findManyOrFail([...work.reads]);
    const writes = work.decide(read.map(({ amount }) => amount));
    if (writes === undefined) return false;
    const known = new Map(read.map((item) => [item.id, item]));
    for (const [id, amount] of writes) {
      const item = known.get(id);
      if (item === undefined) await this.items.insert(newItem(id, amount));
      else await this.items.save({ ...item, amount });
    }
    return true;
  }

  @Transactional()
  async insert(items: readonly (readonly [id: string, amount: number])[]): Promise<void> {
    for (const [id, amount] of items) await this.items.insert(newItem(id, amount));
  }
}

/** A Nest application with one service and one entity. */
class NestjsDistributedTx implements ItemSystem {
  #application!: INestApplicationContext;
  #service!: WorkService;

  constructor(
    private readonly context: SystemContext,
    private readonly options: Partial<DistributedTxModuleOptions> = {},
  ) {}

  async setup(items: Amounts): Promise<void> {
    const [redis] = this.context.redisUrls;
    @Module({
      imports: [
        DistributedTxModule.forRoot({ redis, ...this.options }),
        DistributedTxModule.forFeature([Item]),
      ],
      providers: [WorkService],
    })
    class WorkModule {}
    this.#application = await NestFactory.createApplicationContext(WorkModule, { logger: false });
    this.#service = this.#application.get(WorkService);
    for (const chunk of chunksOf([...items], INSERTS_PER_TRANSACTION)) {
      await this.#service.insert(chunk);
    }
  }

  async run(work: Work, call: Call): Promise<boolean> {
    try {
      return await this.#service.run(work, call);
    } catch (error) {
      throw gaveUp(error) ?? error;
    }
  }

  async close(): Promise<void> {
    await this.#application.close();
  }
}

export const nestjsDistributedTx: CreateItemSystem = (context) => new NestjsDistributedTx(context);
export const nestjsDistributedTxNoHandOver: CreateItemSystem = (context) =>
  new NestjsDistributedTx(context, NO_HAND_OVER);
